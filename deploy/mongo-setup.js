// Makes the replica set and the users, as often as it is run. Before there is a user, mongod lets
// only its own container in, so this runs there.
const fs = require("fs");
const secret = (name) => fs.readFileSync("/run/secrets/" + name, "utf8").trim();
const root = secret("mongo_root");

function authenticated() {
  try {
    const answer = db.getSiblingDB("admin").auth("root", root);
    return answer.ok === 1;
  } catch (error) {
    return false;
  }
}
function primary() { return db.hello().isWritablePrimary }

if (!authenticated()) {
  try {
    rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongo:27017" }], settings: { electionTimeoutMillis: 2000 } });
  } catch (error) { if (error.codeName !== "AlreadyInitialized") throw error }
  for (let tries = 0; tries < 100 && !primary(); tries++) sleep(200);
  db.getSiblingDB("admin").createUser({ user: "root", pwd: root, roles: ["root"] });
  if (!authenticated()) throw new Error("the root password in secrets/ is not the one of the data volume");
}
for (let tries = 0; tries < 100 && !primary(); tries++) sleep(200);
for (const service of ["handoff", "reminders", "reporting"]) {
  const roles = [{ role: "readWrite", db: service }];
  const password = secret("mongo_" + service);
  const admin = db.getSiblingDB("admin");
  if (admin.getUser(service)) admin.updateUser(service, { pwd: password, roles });
  else admin.createUser({ user: service, pwd: password, roles });
}
