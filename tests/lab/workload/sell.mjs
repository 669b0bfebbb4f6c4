// node sell.mjs ADMIN INGRESS SERVICE: a morning in the shop, for the demo's snapshot: orders that arrive, fail, wait, get stuck.
import { call, query, sleep } from "./client.mjs";

const [admin, ingress, service] = process.argv.slice(2);
const send = (path, body, headers) => call("POST", ingress + path, body, headers);

// The same morning every time: a small linear congruential generator in place of Math.random.
let seed = 7;
const random = (below) => {
  seed = (seed * 1_103_515 + 12_345) % 2 ** 31;
  // The low bits of such a generator repeat at once.
  return (seed >> 12) % below;
};
const pick = (values) => values[random(values.length)];

const customers = ["ada", "alan", "barbara", "edsger", "grace", "katherine", "linus", "margaret"];
const articles = ["espresso-cup", "kettle", "grinder", "filter-paper", "scale", "tamper"];

await call("POST", admin + "/deployments", { uri: service, force: true });
await call("PUT", admin + "/limits/rules", [
  { pattern: "*", limits: { concurrency: 100 }, description: "what one scope may run at a time" },
  { pattern: "wholesale", limits: { concurrency: 10 }, description: "wholesale orders are rare and large" },
]);
for (const article of articles) await send(`/Inventory/${article}/restock`, article === "tamper" ? 5 : 60 + random(90));
// A cart whose payment is stuck is locked, so nothing here waits for an answer.
for (let order = 1001; order <= 1036; order++) {
  const customer = pick(customers);
  for (let n = 1 + random(2); n > 0; n--) await send(`/Cart/${customer}/add/send`, { sku: pick(articles), quantity: 1 + random(3) });
  if (order % 9 === 0) await send(`/Cart/${customer}/coupon/send`, pick(["SPRING10", "welcome!", "COFFEE5"]));
  const card = [1022, 1029, 1036].includes(order) ? "gateway-down" : order % 10 === 0 ? "stolen" : "good";
  await send(`/Cart/${customer}/checkout/send`, { id: `order-${order}`, card, price: 990 + 100 * random(30) }, { "idempotency-key": `order-${order}` });
  await sleep(200 + random(2500));
}
// Some parcels have left, some have arrived, one got lost.
for (let order = 1001; order <= 1024; order++) {
  const path = `/Delivery/order-${order}`;
  if (order % 3) await send(`${path}/picked/send`, pick(["bicycle", "parcel service", "post"]));
  if (order % 3 && order % 2) await send(`${path}/delivered/send`, pick(["left at the door", "neighbour", "signed"]));
  if (order === 1010) await send(`${path}/lost/send`, "parcel lost in sorting centre");
}
// One article is being counted, and orders for it wait behind the lock.
await send("/Inventory/tamper/count/send");
await sleep(300);
for (let n = 0; n < 4; n++) await send("/Inventory/tamper/reserve/send", 1);
for (const customer of customers) await send("/Mails/send/send", { to: `${customer}@example.org`, template: "newsletter", order: "autumn" });
// Refunds, reports; one export was cancelled, one killed.
for (const order of [1003, 1007, 1013]) await send("/Payments/refund", { payment: `pay_order-${order}`, amount: 1990 });
await send("/Reports/nightly/send");
await send("/Reports/nightly/send?delay=12h");
const [cancelled, killed] = [await send("/Reports/nightly/send"), await send("/Reports/export/send", { rows: 600 })];
await send("/Reports/export/send", { rows: 600 });
await sleep(1000);
await call("PATCH", `${admin}/invocations/${cancelled.invocationId}/cancel`);
await call("PATCH", `${admin}/invocations/${killed.invocationId}/kill`);

// What only waits is suspended two seconds later.
await sleep(5000);
const wanted = ["backing-off", "completed", "paused", "pending", "running", "scheduled", "suspended"];
for (let left = 120; ; left--) {
  const found = (await query(admin, "select distinct status from sys_invocation")).map((row) => row.status);
  if (wanted.every((status) => found.includes(status))) break;
  if (left === 0) throw new Error(`statuses: ${found}`);
  await sleep(500);
}
