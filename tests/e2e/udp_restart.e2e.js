// The server is killed under load, and started again on its port: with the same --key-file, and without one.
// Two clients publish 50 events a second each and a third only listens, over a path that loses 2 % each way.
// Nothing is silent: of the log that died with the server each member has everything up to some event, and one
// LOST record from there on, to nobody knows where; of the new log everything from where it came back; and
// every publish has one answer, taken or unknown.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { start, serve, within, until, story, tell } = require('./harness');
const { seed, random } = require('./random');
const { UdpRelay } = require('./udp_relay');

const ROOM = 'tea';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const isSaid = (told) => told.type === 'event' && told.event[0] === 'chat message';
const heard = (m) => (m.read(), m.told.filter(isSaid).length);
const LATE = 100; // events, at 100 a second: a repair has been there by then, also of one that is lost, and of a busy machine

// One bin/client and all that it tells.
async function member(url, name) {
  const child = start('client', [url, '--room', ROOM, '--name', name, '--json'], 'ignore');
  const m = { child, name, told: [], said: 0 };
  m.count = (type) => { m.read(); return m.told.filter((told) => told.type === type).length; };
  m.read = () => { while (m.told.length < child.seen.length) m.told.push(JSON.parse(child.seen[m.told.length])); };
  m.say = (text) => { m.said++; child.stdin.write(`${JSON.stringify(['chat message', { room: ROOM, text }])}\n`); };
  await until(`${name} in the room`, () => m.count('joined') === 1);
  return m;
}

async function killed(keep) {
  const again = (address) => serve('udp_server', ['--listen', address, ...keep], ['udp']);
  const first = await again('127.0.0.1:0');
  const relay = await UdpRelay.create(first.udp);
  const rng = random(`restart ${keep}`);
  const members = [];
  for (const name of ['Ann', 'Bob', 'Cid']) members.push(await member(relay.url, name));
  relay.loses = () => rng.below(1000) < 20;
  const load = setInterval(() => members.slice(0, 2).forEach((m) => m.say('x')), 20);
  await until('enough of the first log', () => members.every((m) => heard(m) > 2 * LATE));
  first.child.kill('SIGKILL');
  await first.child.ended;
  await sleep(200);
  const second = await again(first.udp);
  const dead = Date.now();
  await until('everyone to be back', () => members.every((m) => m.count('joined') === 2));
  const back = Date.now() - dead;
  const had = members.map(heard);
  await until('enough of the second', () => members.every((m, i) => heard(m) > had[i] + 20));
  clearInterval(load);
  const answered = () => members.every((m) => m.count('answer') === m.said + 1); // one to its name
  await until('every answer', answered);
  members[0].say('last');
  await until('the last event', () => members.every((m) => (m.read(), m.told.some((told) => isSaid(told) && told.event[1].text === 'last'))));
  await until('its answer', answered); // which may be lost on the way, unlike the event
  members.forEach((m) => judge(m, back));
  members.forEach((m) => m.child.stdin.end());
  await within('the end of all', (resolve) => { Promise.all(members.map((m) => m.child.ended)).then(resolve); });
  await relay.end();
  second.child.kill('SIGTERM');
  assert.strictEqual(await second.child.ended, 0);
}

const span = ({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const unbroken = (seqs, what) => assert.deepStrictEqual(seqs, seqs.map((_, i) => seqs[0] + i), what);

function judge(m, back) {
  const inRoom = m.told.filter((told) => told.room === ROOM && ['event', 'gap'].includes(told.type));
  const at = inRoom.findIndex((told) => told.type === 'gap' && told.to === null);
  const [before, after] = [inRoom.slice(0, at), inRoom.slice(at + 1)];
  const [old, now] = [before, after].map((part) => part.filter((told) => told.type === 'event'));
  const epochs = [old, now].map((events) => [...new Set(events.map((told) => told.epoch))]);
  assert.deepStrictEqual(epochs.map((seen) => seen.length), [1, 1]);
  assert.notStrictEqual(epochs[0][0], epochs[1][0]);
  // A datagram lost in the last round trip is one nobody can send again: told as what it is, in its place.
  const seqs = before.flatMap((told) => (told.type === 'event' ? [told.seq] : span(told)));
  const holes = before.filter((told) => told.type === 'gap');
  unbroken(seqs, `${m.name}, before`);
  assert.ok(holes.every((gap) => gap.reason === 'epoch' && gap.from > seqs.at(-1) - LATE), `${m.name}: ${JSON.stringify(holes)}`);
  assert.strictEqual(now.length, after.length, `${m.name}: a gap in the new log`);
  unbroken(now.map((told) => told.seq), `${m.name}, after`);
  assert.deepStrictEqual(inRoom[at], { type: 'gap', room: ROOM, unit: 'seq', from: seqs.at(-1) + 1, to: null, reason: 'epoch' });
  assert.deepStrictEqual([m.count('down'), m.count('up')], [1, 2]);
  const answers = m.told.filter((told) => told.type === 'answer').map((told) => told.status);
  const unknown = answers.filter((status) => status === 'unknown').length;
  assert.strictEqual(answers.filter((status) => status === 'ok').length + unknown, m.said + 1);
  assert.ok(old.length > LATE && now.length > 20, `${old.length} and ${now.length} events`);
  console.log(`# ${m.name}: ${old.length} events before, ${holes.length} holes, ${now.length} after, ${unknown} of ${m.said} said with unknown outcome; all back after ${back} ms`);
}

story(`killed under load, and back with its key or without; seed ${seed}`, async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'restart-'));
  try {
    await Promise.all([killed(['--key-file', path.join(dir, 'key')]), killed([])]);
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

tell();
