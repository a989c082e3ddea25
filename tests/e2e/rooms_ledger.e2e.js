// 200 unmodified socket.io-clients, over WebSocket, polling, both, and msgpack, come and go in twenty
// rooms at random, publish to one room or several, break their connections and come back, some so late
// that the log has gone on. Then every event and client is accounted for (rooms_ledger.js).
'use strict';
const assert = require('node:assert');
const { io } = require('socket.io-client');
const { story, tell } = require('./harness');
const { ways, server, end, heard, until, sleep, offset } = require('./book');
const { seed, random } = require('./random');
const { Ledger } = require('./rooms_ledger');

const [CLIENTS, ROOMS, RUN_MS] = [200, 20, 6000];
const mix = ['websocket', 'polling, then upgraded', 'msgpack parser', 'websocket', 'polling, then upgraded', 'msgpack parser', 'polling only'];
const away = { reconnectionDelay: 20, reconnectionDelayMax: 50 };

const ledger = new Ledger();
const counts = { publishes: 0, moves: 0, lost: 0, late: 0, recovered: 0, partly: 0 };
let main;
const LEAST = { publishes: 200, moves: 100, lost: 10, late: 1, recovered: 5, partly: 1 };
const enough = () => Object.entries(LEAST).every(([what, least]) => counts[what] >= least);
let ends; // or, on a slow machine, when there was enough of everything

// ---- one client --------------------------------------------------------------------------------------

async function create(i) {
  const way = mix[i % mix.length];
  const socket = io(`http://${main.tcp}`, { ...ways[way], ...away, forceNew: true, auth: { gaps: i % 2 === 0 } });
  const book = { name: `client ${i} (${way})`, stays: [], doubtful: [], heard: [], gaps: [], last: 0 };
  socket.onAny((name, ...args) => {
    const { eid } = offset(args);
    book.last = Math.max(book.last, eid);
    if (name === 'gap') book.gaps.push(args[0]);
    else if (name !== 'hello') book.heard.push({ eid, name, first: args[0], word: name === 'joined' || name === 'left' ? `${name} ${args[0].id}` : args[0].text || args[0] });
  });
  const [hello, at] = await heard(socket, 'hello');
  Object.assign(book, { id: hello.id, start: offset([at]).eid });
  book.stays.push({ room: '', after: book.start, to: Infinity }, { room: book.id, after: book.start, to: Infinity });
  socket.on('connect', () => {
    counts[socket.recovered ? 'recovered' : 'partly']++;
    if (socket.id !== book.id) ledger.strangers = `${book.name} came back as another`;
  });
  ledger.clients.push(book);
  return { socket, book, rng: random(`client ${i}`), said: 0, rooms: new Set() };
}

// Asks until there is an answer. again: an earlier asking may have been done.
async function ask(c, ...args) {
  for (let again = false; ; again = true) {
    const answer = await new Promise((resolve) => {
      const gone = () => resolve(null);
      c.socket.once('disconnect', gone);
      c.socket.emit(...args, (got) => {
        c.socket.off('disconnect', gone);
        resolve(got);
      });
      if (c.breakNow) lose(c);
      c.breakNow = false;
    });
    if (answer) return { answer, again };
    await until('the way back', () => c.socket.connected);
  }
}

async function publish(c, rooms, own, ...how) {
  const word = `${c.book.id} ${c.said++}`;
  const last = { $pub: word };
  const args = how[0] === 'chat message' ? ['chat message', { room: rooms[0], text: word, ...last }] : [...how, 'n', word, last];
  const { answer } = await ask(c, ...args);
  assert.ok(answer.eid > 0, JSON.stringify([args, answer]));
  counts.publishes++;
  ledger.event({ eid: answer.eid, rooms, from: c.book.id, own, word });
  return answer.eid;
}

async function join(c, room) {
  const before = c.book.last;
  const { answer, again } = await ask(c, 'join', room);
  c.rooms.add(room);
  c.book.stays.push({ room, after: answer.eid, to: Infinity });
  if (again) c.book.doubtful.push({ room, after: before, to: answer.eid });
}

async function leave(c, room) {
  const before = c.book.last;
  const stay = c.book.stays.find((s) => s.room === room && s.to === Infinity);
  const { answer, again } = await ask(c, 'leave', room);
  c.rooms.delete(room);
  stay.to = again ? before : answer.eid;
  if (again) c.book.doubtful.push({ room, after: before, to: await publish(c, [c.book.id], true, 'in', c.book.id) });
}

// Breaks its connection in the midst of whatever goes on; one in eight stays away for seconds.
function lose(c) {
  const { engine } = c.socket.io;
  const late = counts.lost++ % 8 === 3;
  const delay = late ? 2500 : c.rng.between(10, 200);
  counts.late += late;
  c.socket.io.reconnectionDelay(delay).reconnectionDelayMax(delay).randomizationFactor(0);
  if (engine.transport.name === 'websocket') engine.transport.ws._socket.destroy();
  else engine.transport.onError('broken by the test');
}

// ---- what it does ------------------------------------------------------------------------------------

async function act(c) {
  const { rng } = c;
  const room = `room ${rng.below(ROOMS)}`;
  const several = [...new Set([room, `room ${rng.below(ROOMS)}`, `room ${rng.below(ROOMS)}`])];
  const one = rng.pick(ledger.clients);
  const dice = rng.below(100);
  c.breakNow = dice >= 40 && rng.below(25) === 0; // of publishes only: their ids make the outcome certain
  if (dice < 40) {
    counts.moves++;
    if (c.rooms.has(room)) await leave(c, room);
    else await join(c, room);
  } else if (dice < 60) await publish(c, [room], true, 'in', room);
  else if (dice < 75) await publish(c, [room], false, 'to', room);
  else if (dice < 85) await publish(c, several, false, 'to', several);
  else if (dice < 88) await publish(c, several, true, 'in', several);
  else if (dice < 95 && c.rooms.size) await publish(c, [[...c.rooms][0]], true, 'chat message');
  else if (dice === 95) await publish(c, [''], false, 'broadcast');
  else if (dice === 96) await publish(c, [''], true);
  else await publish(c, [one.id], true, 'in', one.id);
}

async function live(c) {
  while (Date.now() < ends || (!enough() && Date.now() < ends + 10 * RUN_MS)) {
    await act(c);
    await sleep(c.rng.between(50, 700));
  }
}

// ---- the stories -------------------------------------------------------------------------------------

story(`${CLIENTS} clients in ${ROOMS} rooms for ${RUN_MS / 1000} s: the ledger is balanced; seed ${seed}`, async () => {
  main = await server('--log-events', '20');
  const clients = [];
  while (clients.length < CLIENTS) clients.push(...await Promise.all(Array.from({ length: 20 }, (_, i) => create(clients.length + i))));
  ends = Date.now() + RUN_MS;
  await Promise.all(clients.map(live));
  await until('all to be back', () => clients.every(({ socket }) => socket.connected));
  const last = await publish(clients[0], [''], true); // in eid order, so behind everything else
  await until('the end at every client', () => ledger.clients.every((book) => book.last >= last));
  ledger.collect();
  const { wrong, ...sum } = ledger.judge();
  console.log(`# ${JSON.stringify({ ...counts, ...sum })}`);
  clients.forEach(({ socket }) => socket.disconnect());
  assert.deepStrictEqual(wrong.slice(0, 20), []);
  assert.strictEqual(ledger.strangers, undefined);
  for (const [what, least] of Object.entries(LEAST)) assert.ok(counts[what] >= least, `only ${counts[what]} ${what}`);
  assert.ok(sum.delivered > 5 * sum.events && sum.gap > 0);
});

// The judge is judged: each planted fault is found, and nothing else.
function planted(name, change, expected) {
  story(`the judge notices ${name}`, async () => {
    const book = ledger.clients.find((client) => client.heard.length > 20 && client.gaps.length === 0);
    const before = [...book.heard];
    change(book);
    const { wrong } = ledger.judge();
    book.heard = before;
    assert.strictEqual(wrong.length, 1, wrong.slice(0, 5).join('\n'));
    assert.match(wrong[0], expected);
    assert.deepStrictEqual(ledger.judge().wrong, []);
  });
}

planted('an event swallowed', ({ heard: list }) => list.splice(10, 1), /: missing \d+ to /);
planted('an event heard twice', ({ heard: list }) => list.splice(10, 0, list[10]), /: double \d+, 2 times$/);
planted('two events in the wrong order', ({ heard: list }) => list.splice(10, 2, list[11], list[10]), /: \d+ behind \d+$/);
planted('the wrong words', ({ heard: list }) => list.splice(10, 1, { ...list[10], word: 'x' }), /: \d+ says x, but was /);
planted('an event that nobody published', ({ heard: list }) => list.push({ eid: 1e9, word: 'x' }), /: foreign 1000000000, which nobody published$/);
planted('another\'s event', (book) => {
  const other = [...ledger.events.values()].find((e) => Ledger.meant(book, e) === 'no' && e.eid > book.start);
  book.heard = [...book.heard, { eid: other.eid, word: other.word }].sort((a, b) => a.eid - b.eid);
}, /: foreign \d+ to /);

story('every server still ends cleanly', end);

tell();
