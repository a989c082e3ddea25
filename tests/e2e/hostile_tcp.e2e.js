// Strangers at the TCP port: HTTP, WebSocket, Engine.IO, Socket.IO and its msgpack parser, each said
// wrongly. Every row gets exactly its documented answer or close (tcp_server/README.md).
'use strict';
const assert = require('node:assert');
const { serve, timed, story, tell } = require('./harness');
const bystander = require('./bystander');
const { target, matches, sleep } = require('./hostile');
const rows = require('./hostile_rows');
const { RawPeer, open, frame, text, HANDSHAKE } = require('./raw_peer');

const server = target('tcp', ['--log-events', '2000'], bystander.overTcp, async (address) => (await open(address)).end());
const { hostile } = server;

/* ---- HTTP ------------------------------------------------------------------------------ */

const slow = {}; // begun first, looked at last: they take the ten seconds that a head may take

hostile('slow heads are begun', async (address) => {
  slow.since = Date.now();
  slow.silent = new RawPeer(address);
  slow.drip = new RawPeer(address);
  slow.timer = setInterval(() => slow.drip.say(HANDSHAKE[slow.said = (slow.said || 0) + 1] || 'x'), 300);
  slow.drip.say(HANDSHAKE[0]);
});

for (const [name, request, expected] of rows.http) {
  hostile(`HTTP: ${name}`, async (address) => {
    const peer = new RawPeer(address).say(request);
    const [, status, body] = /^HTTP\/1\.1 (\d\d\d) [^]*?\r\n\r\n([^]*)$/.exec(await peer.answer());
    matches(`${status} ${body}`, expected);
    assert.match(peer.got.toString('latin1'), /\r\nConnection: close\r\n/);
    peer.end();
  });
}

hostile('HTTP: a handshake cut anywhere', async (address) => {
  for (let cut = 0; cut < HANDSHAKE.length; cut++) {
    const peer = new RawPeer(address).say(HANDSHAKE.slice(0, cut));
    peer.socket.end();
    assert.strictEqual(await peer.answer(), '');
    peer.end();
  }
});

hostile('HTTP: random bytes get 400 or silence', async (address, rng) => {
  const peers = Array.from({ length: 300 }, () => new RawPeer(address).say(rng.bytes(1 + rng.below(4000))));
  await sleep(300);
  for (const peer of peers) {
    matches(peer.got.toString('latin1'), /^$|^HTTP\/1\.1 4\d\d /);
    peer.end();
  }
});

hostile('HTTP: good requests with random bytes changed', async (address, rng) => {
  for (let i = 0; i < 200; i++) {
    const request = Buffer.from(HANDSHAKE, 'latin1');
    for (let n = 1 + rng.below(3); n > 0; n--) request[rng.below(request.length)] = rng.below(256);
    const peer = new RawPeer(address).say(request);
    peer.socket.end();
    matches(await peer.answer(), /^$|^HTTP\/1\.1 (4\d\d|101) /);
    peer.end();
  }
});

/* ---- WebSocket and what is in it -------------------------------------------------------- */

// How it is: the close code (1005: none), or 'alive' when a ping is answered.
async function state(peer, ping = 'are you there') {
  peer.say(frame(9, ping));
  const last = await peer.until(() => peer.frames.find((f) => f.opcode === 8 || (f.opcode === 10 && f.payload.toString() === ping)), 'close frame or pong');
  if (last.opcode === 10) return 'alive';
  await peer.until(() => peer.closed, 'end of the connection behind the close frame');
  return last.payload.length ? last.payload.readUInt16BE(0) : 1005;
}

for (const [name, said, code] of rows.websocket) {
  hostile(`WebSocket: ${name}`, async (address) => {
    const peer = await open(address);
    peer.say(...said);
    const end = await state(peer);
    matches(code instanceof RegExp ? String(end) : end, code);
    peer.end();
  });
}

const masked = (message) => message.toString().replace(/"sid":"[\w-]{20}"/, '"sid":"$"').replace(/"pid":"[\w-]+"/, '"pid":"%"')
  .replace(/"id":"[\w-]{20}"/, '"id":"$"').replace(/"\d+-\d+"\]$/, '"@"]');

// Says one message after the other, each when the one before has been dealt with.
async function converse(address, said, heard, end) {
  const peer = await open(address);
  const messages = () => peer.frames.filter((f) => f.opcode < 8);
  for (let i = 0; i < said.length; i++) {
    peer.say(said[i]);
    const expected = end === 'close' && i === said.length - 1 ? 1005 : 'alive';
    assert.strictEqual(await state(peer, `ping ${i}`), expected, `after message ${i + 1}`);
  }
  if (end === 'alive') await peer.until(() => messages().length >= heard, `${heard} messages (there are ${messages().length})`);
  if (end === 'alive') await sleep(10); // is there more than expected?
  peer.end();
  return messages();
}

for (const [name, said, heard, end] of rows.socketio) {
  hostile(`Socket.IO: ${name}`, async (address) => {
    const frames = said.map((m) => (Buffer.isBuffer(m) ? frame(2, m) : text(m)));
    const got = (await converse(address, frames, heard.length, end)).map((f) => masked(f.payload));
    assert.strictEqual(got.length, heard.length, `heard ${got.join(' ')}`);
    heard.forEach((expected, i) => matches(got[i], expected));
  });
}

for (const [name, said, heard, end] of rows.msgpack) {
  hostile(`msgpack: ${name}`, async (address) => {
    const got = await converse(address, said, heard, end);
    assert.strictEqual(got.length, heard);
    got.forEach((f) => assert.strictEqual(f.opcode, 2));
  });
}

hostile('the other parser in one connection', async (address) => {
  const hello = rows.msgpack[0][1];
  await converse(address, [text('40'), ...hello], 2, 'close');
  await converse(address, [...hello, text('42["a"]')], 2, 'close');
});

hostile('WebSocket: random frames', async (address, rng) => {
  for (let i = 0; i < 150; i++) {
    const peer = await open(address);
    peer.say(text('40'));
    for (let n = rng.below(12); n > 0; n--) {
      const options = { fin: rng.below(4) > 0, rsv: rng.below(20) === 0 ? rng.below(8) : 0, mask: rng.below(30) === 0 ? null : rng.below(2 ** 31) };
      const payload = rng.below(2) ? rng.bytes(rng.below(300)) : Buffer.from(rng.pick(['42["a",{"b":[1]}]', '3', '41', '6', '421["who",""]']));
      peer.say(frame(rng.pick([0, 1, 1, 1, 2, 8, 9, 10, rng.below(16)]), payload, options));
    }
    peer.say(frame(8, ''));
    await peer.until(() => peer.closed, 'end of the connection');
    peer.end();
  }
});

// Reads nothing and writes for as long as the server takes it: its answers must not pile up.
async function flood(address, piece) {
  const peer = await open(address);
  peer.socket.pause();
  peer.say(text('40'));
  for (let i = 0; i < 200 && !peer.socket.destroyed; i++) {
    peer.say(piece);
    await sleep(1);
  }
  peer.end();
}

hostile('one floods with pings and never reads', (address) => flood(address, Buffer.concat(Array(1000).fill(frame(9, 'x'.repeat(125))))));
hostile('one floods with calls and never reads', (address) => flood(address, Buffer.concat(Array(500).fill(text('427["who","watch"]')))));
hostile('one floods with events and never reads', (address) => flood(address, Buffer.concat(Array(20).fill(text(`42["x","${'y'.repeat(400)}"]`)))));

hostile('fifty who never read', async (address) => {
  const peers = await Promise.all(Array.from({ length: 50 }, () => open(address)));
  for (const peer of peers) {
    peer.socket.pause();
    peer.say(text('40'), text('421["join","watch"]'));
  }
  await sleep(300);
  peers.forEach((peer) => peer.end());
});

hostile('a thousand come and go', async (address) => {
  for (let i = 0; i < 20; i++) {
    const peers = Array.from({ length: 50 }, () => new RawPeer(address).say(i % 2 ? HANDSHAKE : 'GET '));
    await sleep(10);
    peers.forEach((peer) => peer.end());
  }
});

story('no CONNECT in time, and no pong in time: neither sooner nor much later', async () => {
  const brisk = await serve('tcp_server', ['--listen', '127.0.0.1:0', '--ping-interval', '300ms', '--ping-timeout', '2s', '--connect-timeout', '400ms'], ['tcp']);
  const first = timed(brisk.child.pid); // before any of them is there
  const [idle, mute, brave] = await Promise.all([open(brisk.tcp), open(brisk.tcp), open(brisk.tcp)]);
  const last = timed(brisk.child.pid);
  const closed = async (peer) => {
    await peer.until(() => peer.closed, 'close');
    return [first(), last()];
  };
  const pong = setInterval(() => { if (brave.frames.some((f) => f.payload.toString() === '2')) brave.say(text('3')); }, 100);
  mute.say(text('40'));
  brave.say(text('40'));
  const spans = await Promise.all([closed(idle), closed(mute)]);
  for (const [[most, least], expected, what] of [[spans[0], 400, 'CONNECT'], [spans[1], 2300, 'pong']]) {
    assert.ok(most.ms >= expected - 5 && least.ms - least.busy < expected + 100, `no ${what}: closed after ${least.ms} to ${most.ms} ms, of which ${least.busy} kept waiting`);
  }
  await sleep(500);
  clearInterval(pong);
  assert.ok(!brave.closed);
  [idle, mute, brave].forEach((peer) => peer.end());
  brisk.child.kill('SIGTERM');
  assert.strictEqual(await brisk.child.ended, 0);
});

hostile('slow heads get 408 after ten seconds', async () => {
  for (const peer of [slow.silent, slow.drip]) {
    matches(await peer.answer(), /^HTTP\/1\.1 408 /);
    const waited = Date.now() - slow.since;
    assert.ok(waited >= 9900, `after ${waited} ms`);
  }
  clearInterval(slow.timer);
  [slow.silent, slow.drip].forEach((peer) => peer.end());
});

server.end([...['malformed HTTP request', 'request head over 8 KiB', 'no whole request in time', 'Socket.IO is served here, on another path',
  'Sec-WebSocket-Version must be 13', 'Sec-WebSocket-Key must be sixteen bytes in base64', '{"code":0,"message":"Transport unknown"}',
  '{"code":1,"message":"Session ID unknown"}', '{"code":2,"message":"Bad handshake method"}', '{"code":3,"message":"Bad request"}',
  '{"code":5,"message":"Unsupported protocol version"}'].map((words) => `refused: ${words}`),
...['closed by the client', 'connection lost', 'bad WebSocket frame', 'ping from the client', 'bad packet', 'packet out of turn']
  .map((words) => `sessions ended: ${words}`),
...['reserved bit set', 'unknown opcode', 'mask missing or not allowed', 'length not in its shortest form', 'control frame too long', 'control frame in fragments',
  'continuation without a message', 'new message inside a message', 'close code not allowed on the wire', 'text is not UTF-8', 'message larger than the limit',
  'too many fragments'].map((words) => `bad frames: ${words}`)]);
tell();
