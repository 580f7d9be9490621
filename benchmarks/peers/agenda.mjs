// Timers that are due at once, fired by Agenda. Arguments: MongoDB's address, how many.
// Writes one line of JSON: how many were fired, and in how many seconds.
import { Agenda } from "agenda";
import { MongoBackend } from "@agendajs/mongo-backend";

const [address, text] = process.argv.slice(2);
const many = Number(text);
const agenda = new Agenda({
  backend: new MongoBackend({ address }),
  processEvery: 100,
  defaultConcurrency: 500,
  maxConcurrency: 500,
});
const fired = new Set();
let began;
const done = new Promise((resolve) => {
  agenda.define("timer", async (job) => {
    fired.add(job.attrs.data.number);
    if (fired.size === many) resolve();
  });
});

const due = new Date(Date.now() - 1000);
for (let start = 0; start < many; start += 100) {
  const numbers = Array.from({ length: Math.min(100, many - start) }, (_, n) => start + n);
  await Promise.all(numbers.map((number) => agenda.schedule(due, "timer", { number })));
}
began = performance.now();
await agenda.start();
await done;
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ fired: fired.size, seconds }));
process.exit(0);
