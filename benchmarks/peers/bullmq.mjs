// Timers that are due at once, fired by BullMQ. Arguments: Redis's port, how many.
// Writes one line of JSON: how many were fired, and in how many seconds.
import { Queue, Worker } from "bullmq";

const [port, text] = process.argv.slice(2);
const many = Number(text);
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };
const queue = new Queue("timers", { connection });
const jobs = Array.from({ length: many }, (_, number) => ({
  name: "timer",
  data: { number },
  opts: { delay: 1, removeOnComplete: true },
}));
for (let start = 0; start < many; start += 1000) {
  await queue.addBulk(jobs.slice(start, start + 1000));
}

const fired = new Set();
const began = performance.now();
await new Promise((resolve) => {
  new Worker(
    "timers",
    async (job) => {
      fired.add(job.data.number);
      if (fired.size === many) resolve();
    },
    { connection, concurrency: 500 },
  );
});
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ fired: fired.size, seconds }));
process.exit(0);
