// Long polling: the unmodified socket.io-client with every choice of transports, and raw requests
// whose answers must be exact to the byte.
'use strict';
const assert = require('node:assert');
const net = require('node:net');
const { io } = require('socket.io-client');
const { Socket: Engine } = require('engine.io-client');
const msgpack = require('socket.io-msgpack-parser');
const { serve, within, until, timed, story, tell } = require('./harness');

let server; // its heartbeats are out of the way
let patient; // for clients that live through some
let brisk; // for what heartbeats are about
let echo;
const sockets = [];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const arrived = () => sleep(300); // what was said is with the server, though it has said nothing to it

function connect(options = {}, at = patient.tcp) {
  const socket = io(`http://${at}`, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options });
  sockets.push(socket);
  return socket;
}
const connected = (socket) => within('connect', (resolve, reject) => {
  if (socket.connected) resolve();
  socket.once('connect', resolve);
  socket.once('connect_error', reject);
});
const asked = (socket, ...args) => within(`answer to ${args[0]}`, (resolve) => socket.emit(...args, resolve));
const upgraded = (socket) => within('upgrade', (resolve) => {
  if (socket.io.engine.transport.name === 'websocket') resolve();
  socket.io.engine.once('upgrade', resolve);
});

// One HTTP request on a connection of its own.
const base = '/socket.io/?EIO=4&transport=polling';
async function request(method, url, { body, headers = {}, at = server.tcp } = {}) {
  const answer = await fetch(`http://${at}${url}`, { method, body, headers, redirect: 'error' });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}
const get = (sid, at) => request('GET', `${base}&sid=${sid}`, { at });
const post = (sid, body, headers, at) => request('POST', `${base}&sid=${sid}`, { body, headers, at });
async function handshake(at) {
  const { status, text } = await request('GET', base, { at });
  assert.strictEqual(status, 200);
  assert.strictEqual(text[0], '0');
  return JSON.parse(text.slice(1));
}

// A raw connection: what was sent and what came back.
function raw(bytes) {
  const [host, port] = server.tcp.split(':');
  const socket = net.connect(Number(port), host, () => socket.write(bytes));
  socket.got = '';
  socket.on('data', (data) => { socket.got += data.toString('latin1'); socket.emit('more'); });
  socket.on('error', () => {});
  socket.until = (test, what) => within(what, (resolve) => {
    const look = () => { if (test(socket.got)) resolve(socket.got); else socket.once('more', look); };
    look();
  });
  return socket;
}

story('the servers start', async () => {
  patient = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--ping-interval', '300ms', '--ping-timeout', '3s'], ['tcp']);
  server = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--cors', '*', '--max-payload', '20000b'], ['tcp']);
  brisk = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--ping-interval', '300ms', '--ping-timeout', '1500ms'], ['tcp']);
});

// ---- real clients ----------------------------------------------------------------------------

const ways = {
  'default transports': {},
  'polling only': { transports: ['polling'] },
  'websocket only': { transports: ['websocket'] },
  'default transports, msgpack parser': { parser: msgpack },
  'polling only, msgpack parser': { transports: ['polling'], parser: msgpack },
};
for (const [name, options] of Object.entries(ways)) {
  story(`${name}: events, answers, binary both ways`, async () => {
    const [a, b] = [connect(options), connect({ transports: ['websocket'] })];
    await Promise.all([connected(a), connected(b)]);
    const bytes = Buffer.from([0, 1, 2, 0xfe, 0xff]);
    const [atA, atB] = [a, b].map((s) => within('event', (resolve) => s.once('mixed', (...args) => resolve(args))));
    assert.ok((await asked(a, 'mixed', { text: 'é', bytes })).eid > 0);
    for (const [value] of [await atA, await atB]) {
      assert.strictEqual(value.text, 'é');
      assert.ok(Buffer.from(value.bytes).equals(bytes));
    }
    if (!options.transports) await upgraded(a);
    await sleep(700); // two heartbeats
    assert.ok(a.connected);
    assert.strictEqual(a.io.engine.transport.name, options.transports ? options.transports[0] : 'websocket');
    a.close();
    b.close();
  });
}

story('an upgrade under a stream of events: none lost, none twice, in order', async () => {
  const speaker = connect({ transports: ['websocket'] });
  await connected(speaker);
  for (let round = 0; round < 5; round++) {
    let sent = 0;
    const timer = setInterval(() => { for (let i = 0; i < 5; i++) speaker.emit('tick', round, sent++); }, 1);
    const listener = connect();
    const got = [];
    listener.on('tick', (r, n) => { if (r === round) got.push(n); });
    await connected(listener);
    await upgraded(listener);
    await sleep(50);
    clearInterval(timer);
    await until('the last tick', () => got[got.length - 1] === sent - 1);
    assert.deepStrictEqual(got, Array.from({ length: sent - got[0] }, (_, i) => got[0] + i));
    assert.ok(listener.connected);
    listener.close();
  }
  speaker.close();
});

story('a client that emits through its own upgrade: every event once, in order', async () => {
  const listener = connect({ transports: ['websocket'] });
  await connected(listener);
  const got = [];
  listener.on('mine', (n) => got.push(n));
  const speaker = connect();
  let sent = 0;
  const timer = setInterval(() => { if (speaker.connected) speaker.emit('mine', sent++); }, 1);
  await connected(speaker);
  await upgraded(speaker);
  await sleep(50);
  clearInterval(timer);
  await asked(speaker, 'mine', sent++);
  await until('the last', () => got[got.length - 1] === sent - 1);
  assert.deepStrictEqual(got, Array.from({ length: sent }, (_, i) => i));
  speaker.close();
  listener.close();
});

story('many events by polling in one go, with answers: none lost', async () => {
  const socket = connect({ transports: ['polling'] });
  await connected(socket);
  const answers = await within('all answers', (resolve) => {
    const got = [];
    for (let i = 0; i < 3000; i++) socket.emit('flood', i, (answer) => { got.push(answer.eid); if (got.length === 3000) resolve(got); });
  });
  assert.deepStrictEqual(answers, [...answers].sort((a, b) => a - b));
  assert.ok(socket.connected);
  socket.close();
});

story('recovery over polling: what was missed comes, once', async () => {
  const other = connect({ transports: ['websocket'] });
  const socket = connect({ transports: ['polling'] });
  await Promise.all([connected(other), connected(socket)]);
  const got = [];
  socket.on('r', (n) => got.push(n));
  await asked(other, 'r', 0);
  await until('the first', () => got.length);
  const id = socket.id;
  const back = within('reconnect', (resolve) => socket.once('connect', resolve));
  socket.io.engine.transport.onError('the network'); // the poll in flight is aborted
  for (let i = 1; i < 20; i++) await asked(other, 'r', i);
  await back;
  assert.strictEqual(socket.id, id);
  assert.ok(socket.recovered);
  await asked(other, 'r', 20);
  await until('the last', () => got[got.length - 1] === 20);
  assert.deepStrictEqual(got, Array.from({ length: 21 }, (_, i) => i));
  socket.close();
  other.close();
});

for (const transports of [['polling', 'websocket'], ['polling'], ['websocket']]) {
  story(`Engine.IO alone, ${transports.join(' then ')}: every message comes back, in order`, async () => {
    echo ||= await serve('tcp_server', ['--listen', '127.0.0.1:0', '--app', 'echo'], ['tcp']);
    const socket = new Engine(`ws://${echo.tcp}`, { path: '/engine.io/', transports });
    const got = [];
    socket.on('message', (data) => got.push(typeof data === 'string' ? data : Buffer.from(data).toString('hex')));
    await within('open', (resolve) => socket.on('open', resolve));
    const sent = [];
    for (let i = 0; i < 200; i++) {
      socket.send(`hello ${i}`);
      socket.send(Buffer.from([1, 2, i]));
      sent.push(`hello ${i}`, Buffer.from([1, 2, i]).toString('hex'));
      if (i % 20 === 0) await sleep(1);
    }
    await until('all of it', () => got.length >= sent.length);
    assert.deepStrictEqual(got, sent);
    assert.strictEqual(socket.transport.name, transports[transports.length - 1]);
    socket.close();
  });
}

story('where there is no such application /engine.io/ is not found', async () => {
  assert.strictEqual((await request('GET', '/engine.io/?EIO=4&transport=polling')).status, 404);
});

// ---- raw requests ----------------------------------------------------------------------------

story('handshake: the keys, the values, the headers', async () => {
  const { status, headers, text } = await request('GET', `${base}&t=abc`);
  assert.strictEqual(status, 200);
  assert.strictEqual(headers.get('content-type'), 'text/plain; charset=UTF-8');
  assert.strictEqual(headers.get('cache-control'), 'no-store');
  assert.strictEqual(headers.get('access-control-allow-origin'), '*');
  const open = JSON.parse(text.slice(1));
  assert.deepStrictEqual(Object.keys(open), ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload']);
  assert.deepStrictEqual({ ...open, sid: open.sid.length }, { sid: 20, upgrades: ['websocket'], pingInterval: 25000, pingTimeout: 20000, maxPayload: 20000 });
});

const error = (code, message) => JSON.stringify({ code, message });
const refused = [
  ['no transport', 'GET', '/socket.io/?EIO=4', error(0, 'Transport unknown')],
  ['an unknown transport', 'GET', '/socket.io/?EIO=4&transport=abc', error(0, 'Transport unknown')],
  ['no EIO', 'GET', '/socket.io/?transport=polling', error(5, 'Unsupported protocol version')],
  ['EIO abc', 'GET', '/socket.io/?EIO=abc&transport=polling', error(5, 'Unsupported protocol version')],
  ['POST without sid', 'POST', base, error(2, 'Bad handshake method')],
  ['PUT without sid', 'PUT', base, error(2, 'Bad handshake method')],
  ['GET with an unknown sid', 'GET', `${base}&sid=zzz`, error(1, 'Session ID unknown')],
  ['POST with an unknown sid', 'POST', `${base}&sid=zzz`, error(1, 'Session ID unknown')],
];
for (const [name, method, url, text] of refused) {
  story(`refused: ${name}`, async () => {
    const answer = await request(method, url, method === 'GET' ? {} : { body: 'a' });
    assert.deepStrictEqual([answer.status, answer.text, answer.headers.get('content-type')], [400, text, 'application/json']);
  });
}

story('POST is answered ok, and its packets are answered in one GET', async () => {
  const { sid } = await handshake();
  const ok = await post(sid, '40');
  assert.deepStrictEqual([ok.status, ok.text, ok.headers.get('content-type')], [200, 'ok', 'text/html']);
  assert.match((await get(sid)).text, /^40\{"sid":"[^"]*","pid":"[^"]*"\}\x1e42\["hello",/);
  assert.strictEqual((await post(sid, '421["who","a"]\x1e422["who","b"]')).text, 'ok');
  assert.match((await get(sid)).text, /^431\[.*\]\x1e432\[.*\]$/);
});

story('a bad packet ends the session', async () => {
  const { sid } = await handshake();
  assert.strictEqual((await post(sid, 'abc')).status, 400);
  assert.strictEqual((await get(sid)).status, 400);
});

story('two GETs at once: the first gets 1, the second 400, the session is gone', async () => {
  const { sid } = await handshake();
  const first = get(sid);
  await arrived();
  assert.strictEqual((await get(sid)).status, 400);
  assert.deepStrictEqual(await first.then((a) => [a.status, a.text]), [200, '1']);
  assert.strictEqual((await get(sid)).status, 400);
});

story('an abandoned GET ends the session at once', async () => {
  const { sid } = await handshake();
  const socket = raw(`GET ${base}&sid=${sid} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await arrived();
  socket.destroy();
  await arrived();
  assert.strictEqual((await get(sid)).status, 400);
});

story('an abandoned POST ends the session at once', async () => {
  const { sid } = await handshake();
  const socket = raw(`POST ${base}&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4`);
  await arrived();
  socket.destroy();
  await arrived();
  assert.strictEqual((await get(sid)).status, 400);
});

story('a body over the limit: 413, and the session goes on', async () => {
  const { sid } = await handshake();
  assert.strictEqual((await post(sid, `4${'x'.repeat(20000)}`)).status, 413);
  assert.strictEqual((await post(sid, '6')).status, 200);
});

// A session of the brisk server that says nothing more has ended by then. Where the machine kept the server waiting it may
// still have its ping to give, and then nothing.
async function gone(sid, ms) {
  const span = timed(brisk.child.pid);
  await sleep(ms);
  let answer = await get(sid, brisk.tcp);
  if (answer.text === '2') answer = await get(sid, brisk.tcp);
  const late = span();
  assert.strictEqual(answer.status, 400, answer.text);
  assert.ok(late.ms - late.busy < ms + 200, `gone after ${late.ms} ms, ${late.busy} of them kept waiting`);
}

story('ping is 2, the pong keeps the session, silence ends it in time', async () => {
  const { sid } = await handshake(brisk.tcp);
  assert.strictEqual((await get(sid, brisk.tcp)).text, '2');
  const before = timed(brisk.child.pid);
  await post(sid, '3', {}, brisk.tcp);
  const behind = timed(brisk.child.pid);
  assert.strictEqual((await get(sid, brisk.tcp)).text, '2');
  const [most, least] = [before(), behind()];
  assert.ok(most.ms >= 295 && least.ms - least.busy < 340, `${least.ms} to ${most.ms} ms, ${least.busy} of them kept waiting`);
  await gone(sid, 1500);
});

story('silence with no GET pending: gone when the pong to a ping that nobody fetched is overdue', async () => {
  const { sid } = await handshake(brisk.tcp);
  await gone(sid, 1800);
});

story('the client closes: the waiting GET gets 6', async () => {
  const { sid } = await handshake();
  const waiting = get(sid);
  await arrived();
  assert.strictEqual((await post(sid, '1')).text, 'ok');
  assert.strictEqual((await waiting).text, '6');
  assert.strictEqual((await get(sid)).status, 400);
});

story('preflight: 204 and what a browser wants to read', async () => {
  const { status, headers } = await request('OPTIONS', base, { headers: { 'access-control-request-headers': 'x-a, x-b' } });
  assert.strictEqual(status, 204);
  assert.strictEqual(headers.get('access-control-allow-origin'), '*');
  assert.strictEqual(headers.get('access-control-allow-methods'), 'GET,HEAD,PUT,PATCH,POST,DELETE');
  assert.strictEqual(headers.get('access-control-allow-headers'), 'x-a, x-b');
});

story('several requests on one connection, pipelined, are answered in order', async () => {
  const { sid } = await handshake();
  const head = `HTTP/1.1\r\nHost: a\r\n`;
  const url = `${base}&sid=${sid}`;
  const socket = raw(`POST ${url} ${head}Content-Length: 2\r\n\r\n40GET ${url} ${head}\r\nPOST ${url} ${head}Transfer-Encoding: chunked\r\n\r\n1\r\n4\r\n8\r\n21["who"\r\n1\r\n]\r\n0\r\n\r\nGET ${url} ${head}\r\nPOST ${url} ${head}Content-Length: 1\r\nConnection: close\r\n\r\n6`);
  const got = await socket.until((text) => text.split('HTTP/1.1 ').length === 6, 'five answers');
  const bodies = got.split('HTTP/1.1 ').slice(1).map((answer) => answer.split('\r\n\r\n')[1]);
  assert.strictEqual(bodies[0], 'ok');
  assert.match(bodies[1], /^40\{/);
  assert.strictEqual(bodies[2], 'ok');
  assert.match(bodies[3], /^431\[/);
  assert.strictEqual(bodies[4], 'ok');
  await within('close', (resolve) => socket.on('end', resolve));
});

// ---- the upgrade by hand ---------------------------------------------------------------------

function websocket(sid) {
  const socket = new WebSocket(`ws://${server.tcp}/socket.io/?EIO=4&transport=websocket&sid=${sid}`);
  const got = [];
  socket.onmessage = ({ data }) => { got.push(data); socket.wake?.(); };
  socket.onclose = () => { got.push('closed'); socket.wake?.(); };
  socket.onerror = () => {};
  socket.opened = within('open', (resolve) => { socket.onopen = resolve; });
  socket.opened.catch(() => {});
  socket.next = () => within('message', (resolve) => {
    const look = () => { if (got.length) resolve(got.shift()); else socket.wake = look; };
    look();
  });
  return socket;
}

if (typeof WebSocket === 'undefined') globalThis.WebSocket = require('ws');

story('probe, noop, upgrade; then polling is over and a second WebSocket is closed', async () => {
  const { sid } = await handshake();
  await post(sid, '40');
  await get(sid);
  const socket = websocket(sid);
  await socket.opened;
  socket.send('2probe');
  assert.strictEqual(await socket.next(), '3probe');
  assert.strictEqual((await get(sid)).text, '6');
  socket.send('5');
  assert.deepStrictEqual([(await get(sid)).status, (await post(sid, '6')).status], [400, 400]);
  const second = websocket(sid);
  assert.strictEqual(await second.next(), 'closed');
  socket.send('421["who"]');
  assert.match(await socket.next(), /^431\[/);
  socket.close();
});

story('a probe that says anything else is closed; polling goes on', async () => {
  const { sid } = await handshake();
  const socket = websocket(sid);
  await socket.opened;
  socket.send('42["x"]');
  assert.strictEqual(await socket.next(), 'closed');
  assert.strictEqual((await post(sid, '6')).text, 'ok');
});

story('the server stops: the waiting GET is told', async () => {
  const { sid } = await handshake();
  const waiting = get(sid);
  await arrived();
  server.child.kill('SIGTERM');
  assert.strictEqual((await waiting).text, '1');
  assert.strictEqual(await server.child.ended, 0);
});

tell();
