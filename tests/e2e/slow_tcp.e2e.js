// Slow, vanishing and greedy peers at the TCP port: limits are told by their words, nobody else notices, and what the
// server holds for them stays bounded. A pair of bystanders speaks and listens all the while (hostile.js).
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const child_process = require('node:child_process');
const { bin, start, serve, within, until, timed, story, tell } = require('./harness');
const bystander = require('./bystander');
const { GROWTH_MAX, residentOf, target, sleep } = require('./hostile');
const { RawPeer, open, frame, text, URL, REST, HANDSHAKE } = require('./raw_peer');

const execFile = promisify(child_process.execFile);
const POLL = '/socket.io/?EIO=4&transport=polling';

const FREE = ['--event-rate', '1000/ms', '--event-burst', '1000000'];
const server = target('tcp', ['--log-events', '2000', '--ping-interval', '300ms', ...FREE],
  bystander.overTcp, async (address) => (await open(address)).end());
const { hostile } = server;

const files = (child) => fs.readdirSync(`/proc/${child.pid}/fd`).length;
const cpuTicks = (child) => fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ').slice(11, 13).reduce((a, b) => a + Number(b), 0);

// A client that joined, and answers its pings by itself; it keeps what it hears, but pings.
async function joined(address, auth = '') {
  const peer = await open(address);
  peer.heard = [];
  const listen = () => {
    for (const f of peer.frames.splice(0)) {
      if (f.opcode === 1 && f.payload.toString() === '2') peer.say(text('3'));
      else peer.heard.push(f);
    }
    peer.wake();
  };
  peer.socket.on('data', listen);
  peer.say(text(`40${auth}`));
  listen();
  await peer.until(() => hears(peer, '42["hello"'), 'hello');
  return peer;
}
const hears = (peer, start) => peer.heard.some((f) => f.opcode === 1 && f.payload.toString('latin1', 0, start.length) === start);
const texts = (peer) => peer.heard.filter((f) => f.opcode === 1).map((f) => f.payload.toString());
const ask = async (peer, id, ...event) => {
  peer.say(text(`42${id}${JSON.stringify(event)}`));
  await peer.until(() => hears(peer, `43${id}[`), `answer ${id}`);
  return JSON.parse(texts(peer).find((t) => t.startsWith(`43${id}[`)).slice(2 + String(id).length))[0];
};

/* ---- begun first, looked at last: a head has ten seconds ----------------------------------- */

const slow = {};

hostile('slowloris: two heads are begun, one byte and then one more each time', async (address) => {
  slow.span = timed(server.child.pid);
  slow.silent = new RawPeer(address).say('G');
  slow.drip = new RawPeer(address);
  let said = 0;
  slow.timer = setInterval(() => slow.drip.say(HANDSHAKE[said++] || 'x'), 250);
  for (const peer of [slow.silent, slow.drip]) peer.socket.on('close', () => { peer.took = slow.span(); });
});

// A session by polling: its sid, and the connection that it was begun on.
async function polled(address) {
  const first = new RawPeer(address).say(`GET ${POLL} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const sid = (await first.until(() => /"sid":"([\w-]{20})"/.exec(first.got.toString()), 'sid'))[1];
  return { first, sid };
}

// What the kernel says of the connection from that port: the state of the server's end, and the bytes that wait at
// both. There may be many besides that others left behind: the kernel looks through them, and nobody here waits for it.
async function kernel(port) {
  const { stdout } = await execFile('ss', ['-tanH', `sport = :${port} or dport = :${port}`]);
  const ends = stdout.trim().split('\n').filter(Boolean).map((line) => line.split(/\s+/)); // state, received, to be sent, here, there
  return { state: ends.find((end) => end[4].endsWith(`:${port}`))?.[0], queued: ends.reduce((n, end) => n + Number(end[1]) + Number(end[2]), 0) };
}

hostile('a probe behind answers that nobody reads', async (address) => {
  const asks = 'GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n';
  const one = new RawPeer(address).say(asks);
  await one.until(() => one.got.includes('\r\n\r\n'), '304');
  const peer = new RawPeer(address);
  await within('connect', (resolve) => peer.socket.on('connect', resolve));
  peer.socket.pause();
  const port = peer.socket.localPort;
  const batch = 100 * one.got.length; // less than may wait before no more requests are read
  for (let i = 0, before, now = 0, still = 0; i < 6 || now - before >= batch; i++, still = 0) {
    before = (await kernel(port)).queued;
    peer.say(asks.repeat(100));
    for (let last = now = before; now - before < batch && still < 10; last = now) {
      await sleep(5);
      now = (await kernel(port)).queued;
      still = now === last ? still + 1 : 0;
    }
  }
  const { first, sid } = await polled(address);
  peer.say(`GET ${URL}&sid=${sid} HTTP/1.1\r\n${REST}`);
  Object.assign(slow, { port, unread: peer });
  [one, first].forEach((p) => p.end());
});

/* ---- limits --------------------------------------------------------------------------------- */

const over = async (args, peers, words) => {
  const s = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--verbose', ...args], ['tcp'], 'pipe');
  let said = '';
  s.child.stderr.on('data', (data) => { said += data; });
  await peers(s);
  s.child.kill('SIGTERM');
  assert.strictEqual(await s.child.ended, 0);
  for (const w of words) assert.match(said, new RegExp(`counted \\d+ ${w}`), `not counted: ${w}\n${said}`);
};

for (const [name, args, answer, words] of [
  ['connections of an address', ['--per-address', '3'], /^HTTP\/1\.1 429 [^]*\r\n\r\ntoo many connections of this address\n$/, 'refused: too many connections of this address'],
  ['connections in all', ['--connections', '3'], /^HTTP\/1\.1 503 [^]*\r\n\r\ntoo many connections\n$/, 'refused: too many connections'],
]) {
  story(`limits: ${name}; who is refused is told, and one who goes makes room`, () => over(args, async ({ tcp, child }) => {
    const before = files(child);
    const in_ = await Promise.all([open(tcp), open(tcp), open(tcp)]);
    for (let i = 0; i < 20; i++) assert.match(await new RawPeer(tcp).say(HANDSHAKE).answer(), answer);
    assert.strictEqual(files(child), before + 3);
    in_.pop().end();
    await until('a descriptor back', () => files(child) === before + 2);
    in_.push(await open(tcp));
    in_.forEach((peer) => peer.end());
  }, [words]));
}

story('limits: rooms, and lengths of names', () => over(['--rooms', '2', '--room-name-max', '20b', '--name-max', '3b', '--event-name-max', '12b'], async ({ tcp }) => {
  const peer = await joined(tcp);
  assert.deepStrictEqual(await ask(peer, 1, 'join', 'one'), { room: 'one', eid: 0 });
  assert.deepStrictEqual(await ask(peer, 2, 'join', 'x'.repeat(21)), { error: 'a room is text of 1 to 20 bytes' });
  assert.deepStrictEqual((await ask(peer, 3, 'join', 'two')).room, 'two');
  assert.deepStrictEqual(await ask(peer, 4, 'join', 'three'), { error: 'in too many rooms' });
  assert.deepStrictEqual(await ask(peer, 5, 'name', 'Anna'), { error: 'a name is text of 1 to 3 bytes' });
  assert.deepStrictEqual(await ask(peer, 6, 'a long event name'), { error: 'the name of the event is too long' });
  assert.ok(!peer.closed);
  peer.end();
}, ['joins refused: in too many rooms', 'refused: name of a room too long', 'refused: display name too long', 'refused: name of an event too long']));

story('limits: events a second; what is over waits and is not lost', () => over(['--event-rate', '100/s', '--event-burst', '20', '--ping-interval', '100ms', '--ping-timeout', '2s'], async ({ tcp, child }) => {
  const COUNT = 270; // 2.5 s of the rate: longer than any pong may take
  const [peer, other] = [await joined(tcp), await joined(tcp)];
  const span = timed(child.pid);
  const said = Array.from({ length: COUNT }, (_, i) => text(`42["n",${i}]`));
  peer.say(Buffer.concat(said));
  assert.deepStrictEqual(await ask(other, 1, 'who', 'x'), []);
  const answered = span();
  assert.ok(answered.ms - answered.busy < 400, `others wait with it: ${answered.ms} ms, ${answered.busy} of them kept waiting`);
  await peer.until(() => texts(peer).filter((t) => t.startsWith('42["n"')).length === COUNT, 'all its events');
  const { ms, busy } = span();
  await other.until(() => texts(other).filter((t) => t.startsWith('42["n"')).length === COUNT, 'all of them heard by the other');
  assert.ok(ms >= 2450 && ms - busy < 4500, `${COUNT} events took ${ms} ms, ${busy} of them kept waiting`);
  const numbers = texts(other).filter((t) => t.startsWith('42["n"')).map((t) => JSON.parse(t.slice(2))[1]);
  assert.deepStrictEqual(numbers, said.map((_, i) => i));
  [peer, other].forEach((p) => p.end());
}, ['times a client was held back: events over the rate']));

story('limits: the time for a head, and for its body; each byte that comes wins nothing', () => over(['--head-timeout', '300ms', '--body-timeout', '700ms'], async ({ tcp }) => {
  const dripping = async (peer, bytes) => {
    const since = Date.now();
    const timer = setInterval(() => peer.say(bytes.shift() || 'x'), 40);
    assert.match(await peer.answer(4000), /^HTTP\/1\.1 408 [^]*\r\n\r\nno whole request in time\n$/);
    clearInterval(timer);
    peer.end();
    return Date.now() - since;
  };
  const { first, sid } = await polled(tcp);
  const post = new RawPeer(tcp).say(`POST ${POLL}&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n`);
  const [head, body] = await Promise.all([dripping(new RawPeer(tcp), [...HANDSHAKE]), dripping(post, [...'4abc'])]);
  assert.ok(head >= 280 && head < 690, `a head: after ${head} ms`);
  assert.ok(body >= 680 && body < 3000, `a body: after ${body} ms`);
  const after = new RawPeer(tcp).say(`GET ${POLL}&sid=${sid} HTTP/1.1\r\nHost: a\r\n\r\n`);
  assert.match(await after.answer(), /^HTTP\/1\.1 400 [^]*Session ID unknown/);
  [first, after].forEach((peer) => peer.end());
}, ['refused: no whole request in time', 'sessions ended: connection lost']));

/* ---- slow ----------------------------------------------------------------------------------- */

const BRISK = ['--ping-interval', '300ms', '--ping-timeout', '3s', ...FREE];
const NO_PONG = 'sessions ended: no pong in time';

story('slowloris: a body byte by byte ends with its session, which sends no pong', () => over(BRISK, async ({ tcp: address, child }) => {
  const poll = (rest) => `${rest} HTTP/1.1\r\nHost: a\r\n`;
  const first = new RawPeer(address).say(poll('GET /socket.io/?EIO=4&transport=polling'), '\r\n');
  const sid = await first.until(() => /"sid":"([\w-]{20})"/.exec(first.got.toString()), 'sid');
  const peer = new RawPeer(address).say(poll(`POST /socket.io/?EIO=4&transport=polling&sid=${sid[1]}`), 'Content-Length: 1000\r\n\r\n');
  const timer = setInterval(() => peer.say('x'), 50);
  const span = timed(child.pid);
  assert.match(await peer.answer(), /^HTTP\/1\.1 400 /);
  clearInterval(timer);
  const { ms, busy } = span();
  assert.ok(ms - busy < 4000, `it took ${ms} ms, ${busy} of them kept waiting`);
  [first, peer].forEach((p) => p.end());
}, [NO_PONG]));

story('a frame byte by byte is a slow client, not a dead one, while its pongs come', () => over(BRISK, async ({ tcp: address }) => {
  const peer = await joined(address);
  peer.socket.removeAllListeners('data'); // pongs are said by hand, between two frames
  let pings = 0;
  peer.socket.on('data', (data) => { pings += data.toString('latin1').split('\x81\x012').length - 1; });
  for (let n = 0, answered = 0; n < 16; n++) { // 16 times 27 bytes and more: longer than a pong may take
    const [drip, begun] = [text(`42["in","watch","drip",${n}]`), performance.now()];
    for (let i = 0; i < drip.length; i++) {
      const late = performance.now() - begun > 1000; // on a busy machine: the pong behind it has its time, too
      peer.say(drip.subarray(i, late ? drip.length : i + 1));
      if (late) break;
      await sleep(8);
    }
    for (; answered < pings; answered++) peer.say(text('3'));
  }
  assert.ok(pings >= 4, `${pings} pings`);
  assert.ok(!peer.closed);
  peer.end();
}, []));

/* ---- vanished ------------------------------------------------------------------------------- */

story('half open: who neither reads nor answers is gone when its pong is overdue, and its room hears of it', () => over(BRISK, async ({ tcp: address, child }) => {
  const [stays, goes] = [await joined(address), await joined(address)];
  await ask(stays, 1, 'join', 'tea');
  await ask(goes, 1, 'join', 'tea');
  const span = timed(child.pid);
  goes.socket.pause();
  await stays.until(() => texts(stays).some((t) => t.startsWith('42["left",{"room":"tea"')), 'left');
  const { ms, busy } = span();
  assert.ok(ms >= 2900 - busy && ms - busy < 4300, `gone after ${ms} ms, ${busy} of them kept waiting`);
  [stays, goes].forEach((p) => p.end());
}, [NO_PONG]));

story('half open: a link goes down in a namespace of its own, and comes back', async () => {
  const [a, b] = [`slow${process.pid}a`, `slow${process.pid}b`];
  const ip = (...args) => child_process.execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const inside = (ns, name, ...args) => start('/bin/sh', ['-c', 'exec ip netns exec "$0" "$@"', ns, path.join(bin, name), ...args]);
  if (process.getuid() !== 0) return console.log('# left out: only root may make namespaces');
  try {
    ip('netns', 'add', a);
  } catch (error) {
    return console.log(`# left out: no namespaces here (${String(error.stderr).trim()})`);
  }
  try {
    ip('netns', 'add', b);
    ip('-n', a, 'link', 'add', 'v', 'type', 'veth', 'peer', 'name', 'v', 'netns', b);
    for (const [ns, address] of [[a, '10.9.0.1/24'], [b, '10.9.0.2/24']]) {
      ip('-n', ns, 'addr', 'add', address, 'dev', 'v');
      ip('-n', ns, 'link', 'set', 'v', 'up');
    }
    const s = inside(a, 'tcp_server', '--listen', '10.9.0.1:3000', '--ping-interval', '200ms', '--ping-timeout', '300ms');
    await s.until((lines) => lines.find((l) => l.startsWith('listening')), 'the ready line');
    ip('-n', a, 'link', 'set', 'lo', 'up');
    const stays = inside(a, 'client', 'ws://10.9.0.1:3000', '--room', 'tea', '--json');
    await stays.until((lines) => lines.find((l) => l.includes('"joined"')), 'joined');
    const goes = inside(b, 'client', 'ws://10.9.0.1:3000', '--room', 'tea', '--name', 'far', '--json');
    const hears = (word) => (lines) => lines.find((l) => l.includes(`["${word}"`) && l.includes('"far"'));
    await stays.until(hears('joined'), 'the other one come');
    stays.seen.length = 0;
    ip('-n', b, 'link', 'set', 'v', 'down');
    await stays.until(hears('left'), 'the other one gone');
    stays.seen.length = 0;
    ip('-n', b, 'link', 'set', 'v', 'up');
    await stays.until(hears('joined'), 'the other one back');
    for (const child of [stays, goes]) child.stdin.end();
    await Promise.all([stays.ended, goes.ended]);
    s.kill('SIGTERM');
    await s.ended;
  } finally {
    for (const ns of [a, b]) try { ip('netns', 'del', ns); } catch { /* it was not made */ }
  }
});

hostile('RST in every phase: the descriptor returns, and nobody else notices', async (address) => {
  const before = files(server.child);
  const half = text(`42["x","${'y'.repeat(200)}"]`);
  const phases = {
    'before a request': () => new RawPeer(address),
    'in a head': () => new RawPeer(address).say(HANDSHAKE.slice(0, 40)),
    'behind a request': () => new RawPeer(address).say(HANDSHAKE),
    'in a waiting poll': () => new RawPeer(address).say('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n'),
    'behind 101': () => open(address),
    'in a frame': async () => (await joined(address)).say(half.subarray(0, 100)),
    'in a room': () => joined(address),
    'while it is sent to': async () => {
      const peer = await joined(address);
      peer.socket.pause();
      const { id } = JSON.parse(texts(peer).find((t) => t.startsWith('42["hello"')).slice(2))[1];
      const other = await joined(address);
      for (let i = 0; i < 40; i++) other.say(text(`42["to","${id}","x","${'z'.repeat(100000)}"]`));
      other.say(text('41'));
      await sleep(20);
      other.end();
      return peer;
    },
  };
  for (const phase of Object.keys(phases)) {
    const peers = await Promise.all(Array.from({ length: phase === 'while it is sent to' ? 1 : 5 }, () => phases[phase]()));
    await sleep(10);
    peers.forEach((peer) => peer.socket.resetAndDestroy());
    await until(`descriptor back, RST ${phase}`, () => files(server.child) <= before);
  }
});

/* ---- floods --------------------------------------------------------------------------------- */

// Heartbeats of one who is quiet, and how long its own events take, while others flood in a process of their own.
async function flooded(address, peers, message) {
  const quiet = await open(address);
  const late = [], took = [];
  let last = 0;
  quiet.socket.on('data', () => {
    for (const f of quiet.frames.splice(0)) {
      const t = f.payload.toString();
      if (t === '2') {
        if (last) late.push(performance.now() - last - 300);
        quiet.say(text('3'));
        last = performance.now();
      } else if (t.startsWith('42["tick"')) took.push(performance.now() - JSON.parse(t.slice(2))[1]);
    }
  });
  quiet.say(text('40'), text('420["join","quiet"]'));
  const flood = start(process.execPath, [path.join(__dirname, 'flooder.js'), address, peers, message]);
  const timer = setInterval(() => quiet.say(text(`42["in","quiet","tick",${performance.now()}]`)), 20);
  await flood.until((lines) => lines.includes('flooding'), 'flood');
  const span = timed(server.child.pid);
  await sleep(3000);
  const { busy } = span();
  clearInterval(timer);
  flood.stdin.end();
  await flood.ended;
  quiet.end();
  const most = (list) => Math.round(Math.max(...list));
  console.log(`# ${peers} flood with ${message}: ${late.length} pings, at most ${most(late)} ms late; ${took.length} events, at most ${most(took)} ms; kept waiting ${busy} ms`);
  assert.ok(late.length >= 3 && most(late) < 1200 + busy, 'heartbeats were held up');
  assert.ok(took.length >= 20 && most(took) < 1500 + busy, 'events were held up');
}

hostile('a flood from one: heartbeats and events of the others go on', (address) => flooded(address, '1', '42["leave","nowhere"]'));
hostile('two hundred who flood: heartbeats and events of the others go on', (address) => flooded(address, '200', '42["leave","nowhere"]'));

/* ---- what is left behind ------------------------------------------------------------------- */

// It has to come between two turns of the POST, so it comes often.
story('a WebSocket that takes over and goes while a POST is not taken yet: the POST is answered', () => over(['--app', 'echo', ...FREE], async ({ tcp }) => {
  const packets = Array(120000).fill('42["x"]').join('\x1e');
  for (let i = 0; i < 50; i++) {
    const { first, sid } = await polled(tcp);
    const post = (body) => `POST ${POLL}&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    first.say(post('40'));
    await first.until(() => first.got.toString().endsWith('ok'), 'ok');
    const websocket = new RawPeer(tcp).say(`GET ${URL}&sid=${sid} HTTP/1.1\r\n${REST}`);
    await websocket.until(() => websocket.got.includes('\r\n\r\n'), '101');
    websocket.say(text('2probe'));
    await websocket.until(() => websocket.got.includes('3probe'), '3probe');
    const poster = new RawPeer(tcp).say(post(packets));
    await sleep(10 + i);
    websocket.say(Buffer.concat([text('5'), frame(8, '')]));
    await poster.until(() => poster.got.length > 0, 'answer to the POST');
    [first, websocket, poster].forEach((p) => p.end());
  }
}, []));

/* ---- descriptors ---------------------------------------------------------------------------- */

story('an accept storm without descriptors: it does not spin, and takes who waits when they come back', async () => {
  const s = await serve('/bin/bash', ['-c', 'ulimit -n 64; exec "$0" "$@"', path.join(bin, 'tcp_server'), '--listen', '127.0.0.1:0', '--connections', '1000'], ['tcp'], 'ignore');
  const friend = await joined(s.tcp);
  const storm = Array.from({ length: 200 }, () => new RawPeer(s.tcp).say(HANDSHAKE));
  await until('no descriptor left', () => files(s.child) >= 64);
  const before = cpuTicks(s.child);
  await sleep(800);
  assert.ok(cpuTicks(s.child) - before <= 20, `${cpuTicks(s.child) - before} of 80 ticks of processor time`);
  assert.deepStrictEqual(await ask(friend, 1, 'who', 'x'), []);
  storm.forEach((peer) => peer.end());
  await until('descriptors back', () => files(s.child) < 20);
  (await joined(s.tcp)).end();
  friend.end();
  s.child.kill('SIGTERM');
  assert.strictEqual(await s.child.ended, 0);
});

hostile('slow heads get 408 after ten seconds', async () => {
  for (const peer of [slow.silent, slow.drip]) {
    assert.match(await peer.answer(), /^HTTP\/1\.1 408 /);
    await until('close', () => peer.took);
    const { ms, busy } = peer.took;
    assert.ok(ms >= 9900 && ms - busy < 13000, `after ${ms} ms, ${busy} of them kept waiting`);
    peer.end();
  }
  clearInterval(slow.timer);
});

hostile('who does not read our last words is gone ten seconds behind them', async () => {
  for (let tries = 0; (await kernel(slow.port)).state === 'ESTAB'; tries++) {
    assert.ok(tries < 3000, 'it is still there');
    await sleep(10);
  }
  slow.unread.end();
});

server.end(['refused: no whole request in time', 'sessions ended: connection lost']);

/* ---- readers that stop ---------------------------------------------------------------------- */

const COUNT = 20000;
const place = (offset) => Number(/-(\d+)$/.exec(offset)[1]);

// The eids of the room's events that a client heard, each once.
function eidsHeard(peer) {
  const eids = new Set();
  for (const t of texts(peer).filter((t) => t.startsWith('42["n"') || t.startsWith('42["last"'))) {
    const eid = place(JSON.parse(t.slice(2)).pop());
    assert.ok(!eids.has(eid), `${eid} twice`);
    eids.add(eid);
  }
  return eids;
}

// When the bystanders are gone, and with heartbeats that wait: what 20,000 events take a busy machine, here and there, is
// longer than a pong may.
story('zero window: a reader that stops while 20,000 events go by is told exactly what it lost', () => over(['--log-events', '2000', ...FREE], async ({ tcp: address, child }) => {
  const [reader, plain, witness, talker] = await Promise.all(['{"gaps":true}', '', '', ''].map((auth) => joined(address, auth)));
  const before = residentOf(child);
  for (const p of [reader, plain, witness]) await ask(p, 1, 'join', 'deep');
  [reader, plain].forEach((p) => p.socket.pause());
  const filler = 'f'.repeat(1000);
  for (let n = 0; n < COUNT; n += 100) {
    talker.say(Buffer.concat(Array.from({ length: 100 }, (_, i) => text(`42["in","deep","n",${n + i},"${filler}"]`))));
    await ask(talker, n, 'who', 'nowhere'); // nobody who reads is to be overtaken
  }
  await ask(talker, COUNT, 'in', 'deep', 'last');
  [reader, plain].forEach((p) => p.socket.resume());
  for (const p of [reader, witness]) await p.until(() => hears(p, '42["last"'), 'the last event');
  const gaps = texts(reader).filter((t) => t.startsWith('42["gap"')).map((t) => JSON.parse(t.slice(2))[1]).filter((g) => g.room === 'deep');
  const [all, heard] = [eidsHeard(witness), eidsHeard(reader)];
  assert.ok(all.size === COUNT + 1 && gaps.length > 0, `${all.size} heard by who reads, ${gaps.length} gaps of who does not`);
  for (const eid of all) {
    const told = gaps.filter((g) => g.from <= eid && eid <= g.to).length + heard.has(eid);
    assert.strictEqual(told, 1, `event ${eid} told ${told} times`);
  }
  await plain.until(() => plain.closed, 'the close of one who cannot be told');
  assert.ok(residentOf(child) - before <= GROWTH_MAX, `the server grew by ${(residentOf(child) - before) >> 10} KiB`);
  [reader, plain, witness, talker].forEach((p) => p.end());
}, ['sessions ended: overtaken by the end of the log', 'gaps told']));

tell();
