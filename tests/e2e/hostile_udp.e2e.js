// Strangers and sessions at the UDP port: every type at many lengths, heads that lie, bad cookies, bad
// bodies, storms and floods. Each gets exactly its documented answer, mostly none
// (udp_server/README.md), and a stranger no more than a tenth of the bytes that he sent.
'use strict';
const assert = require('node:assert');
const { tell } = require('./harness');
const bystander = require('./bystander');
const { target, sleep } = require('./hostile');
const { UdpPeer, TYPE, message, pack, cat, u8, u16, u32, u64 } = require('./udp_peer');

let witness; // a session of our own: when it is answered, all that was sent before has been dealt with

const server = target('udp', ['--log-events', '2000'], bystander.overUdp, async (address) => {
  const newcomer = await (await UdpPeer.create(address)).handshake(Buffer.from('newcomer--------'));
  newcomer.end();
  witness = witness || await (await UdpPeer.create(address)).handshake(Buffer.from('witness---------'));
});
const { hostile } = server;

/* ---- strangers ------------------------------------------------------------------------------- */

async function strangers(address, datagrams, what) {
  const peer = await UdpPeer.create(address);
  const begun = performance.now();
  for (let i = 0; i < datagrams.length; i++) {
    await peer.send(datagrams[i]);
    if (i % 200 === 199) await sleep(5); // no more than the server's buffer holds
  }
  await witness.still('that all sent so far was dealt with');
  const ratio = peer.bytesIn / peer.bytesOut;
  assert.ok(ratio <= 0.1, `${what}: ${ratio.toFixed(3)} bytes out per byte in`);
  const types = [...new Set(peer.heard.map((m) => m.type))];
  peer.end();
  return { types, answers: peer.datagramsIn, ratio, seconds: (performance.now() - begun) / 1000 };
}

hostile('noise of any length gets nothing', async (address, rng) => {
  const noise = [];
  for (let n = 0; n <= 1500; n++) noise.push(rng.bytes(n));
  noise.push(rng.bytes(9000), rng.bytes(65507), Buffer.alloc(1200), Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  assert.strictEqual((await strangers(address, noise, 'noise')).answers, 0);
});

hostile('every type from a stranger, at many lengths: RESET now and then, COOKIE for whole HELLOs, else nothing', async (address, rng) => {
  const datagrams = [];
  for (let type = 0; type < 256; type++) {
    for (const n of [0, 1, 7, 8, 9, 16, 24, 32, 33, 40, 48, 100, 240, 241, 500, 1183, 1185, 1300, 1484]) {
      if (type === TYPE.HELLO && n >= 1184) continue;
      datagrams.push(message(type, rng.bytes(n), { tag: BigInt(rng.below(3)), flags: rng.below(8) ? 0 : rng.below(65536) }));
    }
  }
  const { types, answers, seconds } = await strangers(address, datagrams, 'types');
  assert.ok(types.every((t) => t === 'RESET'), `heard ${types}`);
  assert.ok(answers <= 10 * (1 + seconds), `${answers} RESETs in ${seconds} s`); // ten, and ten a second
});

hostile('almost right: heads that lie', async (address, rng) => {
  const body = rng.bytes(48);
  const lies = [{ magic: 0x0e4d }, { magic: 0x4c0e }, { version: 0 }, { version: 2 }, { version: 255 }, { length: 0 }, { length: 15 }, { length: 16 },
    { length: 63 }, { length: 65 }, { length: 65535 }];
  const datagrams = [];
  for (const type of Object.values(TYPE)) for (const lie of lies) datagrams.push(message(type, body, lie));
  datagrams.push(cat(message(TYPE.PING, body), u8(0, 0, 1)), cat(message(TYPE.PING, body), message(TYPE.PING, body, { tag: 5n })), Buffer.alloc(16), u16(0x0e4c));
  assert.strictEqual((await strangers(address, datagrams, 'lies')).answers, 0);
});

hostile('HELLO: short ones get nothing, whole ones a COOKIE, and no more than 1,000 a second', async (address) => {
  const peer = await UdpPeer.create(address);
  const short = [];
  for (let n = 0; n < 1200; n += 13) short.push(peer.hello(9n, n));
  for (let n = 1190; n < 1200; n++) short.push(peer.hello(9n).subarray(0, n));
  assert.strictEqual((await strangers(address, short, 'short HELLO')).answers, 0);
  await sleep(1100);
  const many = await strangers(address, Array.from({ length: 3000 }, (_, i) => peer.hello(BigInt(i))), 'HELLO');
  assert.deepStrictEqual(many.types, ['COOKIE']);
  assert.ok(many.answers > 500 && many.answers <= 1000 * (1 + many.seconds), `${many.answers} COOKIEs in ${many.seconds} s`);
  await sleep(1100);
  await peer.ask(peer.hello(), 'COOKIE'); // and a newcomer is let in again
  peer.end();
});

hostile('HELLO of another version is told so', async (address) => {
  const peer = await UdpPeer.create(address);
  const hello = peer.hello();
  hello[2] = 2;
  const cookie = await peer.ask(hello, 'COOKIE');
  assert.strictEqual(cookie.flags, 8);
  peer.end();
});

const heardOnly = (peer, types) => assert.deepStrictEqual([...new Set(peer.heard.map((m) => m.type))], types);

hostile('CONNECT with a bad cookie gets nothing', async (address, rng) => {
  const peer = await UdpPeer.create(address);
  const proof = (await peer.ask(peer.hello(), 'COOKIE')).body.subarray(0, 32);
  peer.heard.length = 0; // what was asked for twice
  const bad = [];
  for (let bit = 0; bit < 256; bit++) {
    const copy = Buffer.from(proof);
    copy[bit >> 3] ^= 1 << (bit & 7);
    if (bit >> 3 < 10 || bit >> 3 >= 16) bad.push(peer.connect(copy)); // bytes 10 to 15 are reserved
  }
  for (let i = 0; i < 200; i++) bad.push(peer.connect(rng.bytes(32)));
  for (const datagram of bad) await peer.send(datagram);
  assert.strictEqual((await strangers(address, [peer.connect(proof)], 'cookie of another address')).answers, 0);
  heardOnly(peer, []);
  await peer.send(peer.connect(proof).subarray(0, 240)); // shorter than its answer, its padding cut
  await witness.still('that all sent so far was dealt with');
  heardOnly(peer, []);
  await peer.ask(peer.connect(proof), 'ACCEPT');
  peer.end();
});

// [name, CONNECT's tail, code of the ERROR]
const MALFORMED = 8;
for (const [name, tail, code] of [
  ['is no map', pack([1]), MALFORMED],
  ['is a map that says 2^32-1', Buffer.from('dfffffffff', 'hex'), MALFORMED],
  ['is deep', Buffer.alloc(100, 0x91), MALFORMED],
  ['is empty', Buffer.alloc(0), MALFORMED],
  ['has a namespace that is a number', pack(new Map([[1, 7]])), MALFORMED],
  ['asks for another namespace', pack(new Map([[1, '/x']])), 5],
  ['is 600 bytes', pack(new Map([[1, '/'], [2, 'x'.repeat(600)]])), MALFORMED],
]) {
  hostile(`CONNECT whose tail ${name} gets an ERROR`, async (address) => {
    const peer = await UdpPeer.create(address);
    const cookie = await peer.ask(peer.hello(77n), 'COOKIE');
    const error = await peer.ask(cat(message(TYPE.CONNECT, cat(cookie.body.subarray(0, 32), Buffer.alloc(16, 1), tail)), Buffer.alloc(256)), 'ERROR');
    assert.strictEqual(error.tag, 77n);
    assert.strictEqual(error.body.readUInt16BE(0), code);
    peer.end();
  });
}

/* ---- sessions -------------------------------------------------------------------------------- */

const session = async (address) => (await UdpPeer.create(address)).handshake(Buffer.from(`s${Math.random()}`.padEnd(16).slice(0, 16)));
const ack = async (peer) => (await peer.of('PUB_ACK')).body.readUInt16BE(16);

// [name, message, its answer: an ERROR's code, 'ack' and a PUB_ACK's status, or nothing]
const quiet = null;
const said = [
  ['JOIN of noise', (p) => p.session(TYPE.JOIN, Buffer.alloc(20, 0xc1)), MALFORMED],
  ['JOIN of no room', (p) => p.session(TYPE.JOIN, pack(new Map([[1, 1], [2, []]]))), MALFORMED],
  ['JOIN of 17 rooms', (p) => p.session(TYPE.JOIN, pack(new Map([[1, 1], [2, Array.from({ length: 17 }, (_, i) => [`r${i}`, 1, 0, 0])]]))), MALFORMED],
  ['JOIN that says 2^32-1 rooms', (p) => p.session(TYPE.JOIN, Buffer.from('82010102ddffffffff', 'hex')), MALFORMED],
  ['JOIN with mode 9', (p) => p.session(TYPE.JOIN, pack(new Map([[1, 1], [2, [['r', 9, 0, 0]]]]))), MALFORMED],
  ['LEAVE of the own room', (p) => p.session(TYPE.LEAVE, u32(1)), 5],
  ['LEAVE of a room nobody joined', (p) => p.session(TYPE.LEAVE, u32(77)), 5],
  ['LEAVE without a body', (p) => p.session(TYPE.LEAVE, Buffer.alloc(0)), MALFORMED],
  ['PUB that is no msgpack', (p) => p.pub(1, 2, Buffer.from('91c1', 'hex')), 'ack 8'],
  ['PUB of an array that says 2^32-1', (p) => p.pub(1, 2, Buffer.from('ddffffffff', 'hex')), 'ack 8'],
  ['PUB that is deep', (p) => p.pub(1, 2, Buffer.concat([Buffer.alloc(500, 0x91), u8(0xc0)])), 'ack 8'],
  ['PUB without a name', (p) => p.pub(1, 2, pack([])), 'ack 8'],
  ['PUB named by a number', (p) => p.pub(1, 2, pack([7])), 'ack 8'],
  ['PUB with bytes behind it', (p) => p.pub(1, 2, cat(pack(['a']), u8(0))), 'ack 8'],
  ['PUB with the server\'s name for hello', (p) => p.pub(1, 2, pack(['hello'])), 'ack 8'],
  ['PUB of a join', (p) => p.pub(1, 0, pack(['join', 'r'])), 'ack 8'],
  ['PUB to a channel nobody has', (p) => p.pub(1, 99, pack(['a'])), 'ack 5'],
  ['PUB in two fragments that one could hold', (p) => p.pub(1, 2, pack(['a']), { cnt: 2, bytes: 9 }), MALFORMED],
  ['PUB of a first fragment alone', (p) => p.pub(1, 2, Buffer.alloc(1100), { cnt: 2, bytes: 1200 }), quiet],
  ['PUB of a last fragment alone', (p) => p.pub(1, 2, Buffer.alloc(100), { cnt: 2, idx: 1, bytes: 1200 }), 'ack 19'],
  ['PUB of a fragment that is short', (p) => p.pub(1, 2, Buffer.alloc(1099), { cnt: 2, bytes: 1200 }), MALFORMED],
  ['PUB of 255 fragments', (p) => p.pub(1, 2, Buffer.alloc(1100), { cnt: 255, bytes: 65535 }), MALFORMED],
  ['PUB with an ext', (p) => p.pub(1, 2, Buffer.from('92a161d40000', 'hex')), 'ack 8'],
  ['PUB whose length lies', (p) => p.pub(1, 2, pack(['a']), { bytes: 9 }), MALFORMED],
  ['PUB of fragment 3 of 2', (p) => p.pub(1, 2, pack(['a']), { cnt: 2, idx: 3 }), MALFORMED],
  ['NACK of a channel nobody has', (p) => p.nack(99, [[1, 2]]), quiet],
  ['NACK of 33 ranges', (p) => p.nack(2, Array(33).fill([1, 2])), MALFORMED],
  ['NACK of no range', (p) => p.nack(2, []), MALFORMED],
  ['NACK of one range that says 32', (p) => p.nack(2, [[1, 2]], { n: 32 }), MALFORMED],
  ['NACK upside down', (p) => p.nack(2, [[5, 2]]), MALFORMED],
  ['NACK of seq 0', (p) => p.nack(2, [[0, 0]]), MALFORMED],
  ['NACK of what is to come', (p) => p.nack(2, [[2n ** 40n, 2n ** 56n]]), quiet],
  ['NACK of everything', (p) => p.nack(2, [[1, 2n ** 56n]]), quiet],
  ['NACK of fragments', (p) => p.nack(2, [[1, 2n ** 63n + 5n]]), quiet],
  ['NACK of all fragments there could be', (p) => p.nack(2, [[1, 2n ** 64n - 1n]]), quiet],
  ['NACK of no fragment', (p) => p.nack(2, [[1, 2n ** 63n]]), quiet],
  ['REPORT from the far future', (p) => p.session(TYPE.REPORT, cat(u32(2), u32(0), u64(2n ** 63n, 2n ** 64n - 1n), Buffer.alloc(28, 255))), quiet],
  ['REPORT cut short', (p) => p.session(TYPE.REPORT, Buffer.alloc(10)), MALFORMED],
  ['PONG of the far past', (p) => p.session(TYPE.PONG, u64(2n ** 63n, 0, 2n ** 63n)), quiet],
  ['an epoch of another log', (p) => p.session(TYPE.PONG, u64(1, 2, 3), { epoch: 1 }), quiet],
  ['a pktno used before', (p) => p.session(TYPE.LEAVE, u32(77), { pktno: 1 }), quiet],
  ['a sealed message', (p) => p.session(TYPE.LEAVE, cat(u32(77), Buffer.alloc(16)), { flags: 1 }), quiet],
  ['DATA, which is the server\'s', (p) => message(TYPE.DATA, Buffer.alloc(60)), quiet],
  ['BEAT, which is the server\'s', (p) => message(TYPE.BEAT, Buffer.alloc(40)), quiet],
  ['ACCEPT, which is the server\'s', (p) => p.session(TYPE.ACCEPT, Buffer.alloc(140)), quiet],
  ['PUB_ACK, which is the server\'s', (p) => p.session(TYPE.PUB_ACK, cat(u8(1), Buffer.alloc(39))), quiet],
  ['PROBE, of a later level', (p) => p.session(TYPE.PROBE, u64(1)), quiet],
  ['CHALLENGE cut short', (p) => p.session(TYPE.CHALLENGE, u32(1)), MALFORMED],
  ['RESPONSE that is long', (p) => p.session(TYPE.RESPONSE, u64(1, 2)), MALFORMED],
  ['RESPONSE to nothing', (p) => p.session(TYPE.RESPONSE, u64(1)), quiet],
  ['REKEY, of a later level', (p) => p.session(TYPE.REKEY, Buffer.alloc(53)), quiet],
  ['type 0xEE', (p) => p.session(0xee, Buffer.alloc(8)), quiet],
];
for (const [name, make, expected] of said) {
  hostile(`a session says ${name}`, async (address) => {
    const peer = await session(address);
    await peer.still();
    await peer.send(make(peer));
    if (typeof expected === 'number') assert.strictEqual((await peer.of('ERROR')).body.readUInt16BE(0), expected);
    if (typeof expected === 'string') assert.strictEqual(`ack ${await ack(peer)}`, expected);
    await peer.still('PONG after it');
    const left = peer.heard.filter((m) => ['ERROR', 'PUB_ACK', 'CLOSE', 'RESET'].includes(m.type));
    assert.strictEqual(left.length, 0, `also heard ${left.map((m) => m.type)}`);
    peer.end();
  });
}

hostile('a session says every type with random bodies', async (address, rng) => {
  const peer = await session(address);
  for (const type of Object.values(TYPE)) {
    if (type === TYPE.CLOSE || type === TYPE.HELLO || type === TYPE.CONNECT) continue;
    for (let i = 0; i < 60; i++) await peer.send(peer.session(type, rng.bytes(rng.pick([0, 1, 4, 8, 24, 30, 48, 100, 1100, 1176]))));
    await peer.still();
  }
  peer.end();
});

/* ---- from elsewhere ------------------------------------------------------------------------------ */

const random = (m) => m.body.readBigUInt64BE(0);
const thiefOf = async (address, peer) => Object.assign(await UdpPeer.create(address), { steal: (type, body, options) => peer.session(type, body, options) });

hostile('one session\'s tag from another address gets a CHALLENGE, and what came there is not believed', async (address) => {
  const peer = await session(address);
  const thief = await thiefOf(address, peer);
  await thief.send(thief.steal(TYPE.CLOSE, u32(0)));
  await thief.of('CHALLENGE');
  await peer.of('CHALLENGE');
  await peer.still();
  await thief.send(thief.steal(TYPE.LEAVE, u32(0), { pktno: 1 })); // not newer
  await peer.still();
  heardOnly(thief, []);
  [peer, thief].forEach((p) => p.end());
});

hostile('a flood of forged RESPONSEs from elsewhere moves nothing, and brings forth three times as much at most', async (address, rng) => {
  const peer = await session(address);
  const { ref } = await peer.join('loot');
  const thief = await thiefOf(address, peer);
  await thief.send(thief.steal(TYPE.PING, Buffer.alloc(40)));
  const wanted = random(await thief.of('CHALLENGE'));
  const theirs = random(await peer.of('CHALLENGE'));
  for (let i = 1; i <= 3000; i++) {
    const guess = rng.pick([0n, wanted - 1n, wanted + 1n, theirs, rng.bytes(8).readBigUInt64BE(0), wanted << 1n]);
    await thief.send(thief.steal(TYPE.RESPONSE, u64(guess)));
    if (i % 300 === 0) await peer.send(peer.pub(i, ref, ['x', 'y'.repeat(500)]));
    if (i % 100 === 0) await sleep(2);
  }
  await peer.still('PONG where it always was');
  heardOnly(thief, thief.heard.length ? ['CHALLENGE'] : []);
  assert.ok(thief.bytesIn <= 3 * thief.bytesOut, `${thief.bytesIn} for ${thief.bytesOut}`);
  assert.ok(thief.heard.length < 300, `${thief.heard.length} CHALLENGEs`);
  [peer, thief].forEach((p) => p.end());
});

hostile('a flood of RESPONSEs from the session\'s own address changes nothing', async (address, rng) => {
  const peer = await session(address);
  for (let i = 1; i <= 3000; i++) {
    await peer.send(peer.session(TYPE.RESPONSE, rng.bytes(8)));
    if (i % 100 === 0) await sleep(2);
  }
  await peer.still();
  heardOnly(peer, [...new Set(peer.heard.map((m) => m.type))].filter((t) => !['CHALLENGE', 'ERROR', 'CLOSE', 'RESET'].includes(t)));
  peer.end();
});

hostile('a flood from ever new addresses: few are asked, and the session stays', async (address) => {
  const peer = await session(address);
  const thieves = await Promise.all(Array.from({ length: 50 }, () => thiefOf(address, peer)));
  const before = peer.bytesIn;
  for (let i = 0; i < 20; i++) {
    for (const thief of thieves) await thief.send(thief.steal(TYPE.PING, Buffer.alloc(40)));
    await sleep(5);
  }
  await peer.still();
  const asked = thieves.reduce((n, thief) => n + thief.heard.length, 0);
  assert.ok(asked > 0 && asked < 100, `${asked} asked`);
  assert.ok(peer.bytesIn - before < 100 * 32 + 10000, `${peer.bytesIn - before} bytes to the session's own address`);
  [peer, ...thieves].forEach((p) => p.end());
});

hostile('who answers from there is followed, and back', async (address) => {
  const peer = await session(address);
  const there = await thiefOf(address, peer);
  const answer = async (from) => {
    await from.send(peer.session(TYPE.PING, Buffer.alloc(40)));
    await from.send(peer.session(TYPE.RESPONSE, u64(random(await from.of('CHALLENGE')))));
    await from.send(peer.session(TYPE.PING, cat(u64(1), Buffer.alloc(32))));
    await from.of('PONG');
  };
  await answer(there);
  await peer.of('CHALLENGE'); // where it was
  await answer(peer);
  peer.end();
  there.end();
});

hostile('after CLOSE there is no session: RESET', async (address) => {
  const peer = await session(address);
  await peer.ask(peer.session(TYPE.CLOSE, u32(0)), 'CLOSE');
  assert.strictEqual((await peer.ask(peer.ping(), 'RESET')).bytes, 32); // at a rate
  peer.end();
});

hostile('a storm of NACKs is served within the repair budget', async (address) => {
  const peer = await session(address);
  const { ref } = await peer.join('storm');
  const event = (i) => peer.pub(i, ref, ['x', 'y'.repeat(900)]);
  for (let i = 1; i <= 300; i++) await peer.send(event(i));
  await peer.ask(() => event(300), (m) => m.type === 'PUB_ACK' && m.body.readBigUInt64BE(8) === 300n, 'the last PUB_ACK');
  await sleep(50);
  const before = peer.bytesIn;
  const since = Date.now();
  for (let i = 0; i < 3000; i++) {
    await peer.send(peer.nack(ref, Array.from({ length: 32 }, (_, r) => [1 + r * 9, 300 + r * 40])));
    if (i % 100 === 0) await sleep(2);
  }
  await peer.still();
  const seconds = (Date.now() - since) / 1000;
  const budget = 2 * 64 * 1200 + 2.5e6 * seconds + 10000; // a burst and what it may overshoot, the rate, BEATs and PONG
  const got = peer.bytesIn - before;
  assert.ok(got <= budget, `${got} bytes of repairs in ${seconds} s, ${Math.round(budget)} allowed`);
  peer.end();
});

hostile('a flood of PUBs', async (address, rng) => {
  const peer = await session(address);
  for (let i = 1; i <= 5000; i++) {
    await peer.send(peer.pub(rng.below(20) ? i : rng.below(i + 1) || 1, rng.pick([1, 2]), ['flood', 'z'.repeat(rng.below(1000))]));
    if (i % 100 === 0) await sleep(2);
  }
  await peer.still();
  peer.end();
});

hostile('PUBs in fragments that never complete, and contradict themselves', async (address, rng) => {
  const peer = await session(address);
  const part = (id, idx, bytes, flags) => peer.pub(id, 2, Buffer.alloc(Math.min(1100, bytes - idx * 1100), 7), { cnt: Math.ceil(bytes / 1100), idx, bytes, flags });
  for (let i = 1; i <= 3000; i++) {
    const bytes = rng.pick([1101, 2200, 30000, 65535]);
    await peer.send(part(1 + rng.below(500), rng.below(Math.ceil(bytes / 1100) - 1), bytes, rng.below(2)));
    if (i % 100 === 0) await sleep(2);
  }
  await peer.still();
  // One that is whole, in the middle of it all, comes through.
  const event = pack(['whole', 'w'.repeat(4000)]);
  const cnt = Math.ceil(event.length / 1100);
  for (let idx = 0; idx < cnt; idx++) await peer.send(peer.pub(600, 2, event.subarray(idx * 1100, (idx + 1) * 1100), { cnt, idx, bytes: event.length }));
  const answer = await peer.of('PUB_ACK');
  assert.strictEqual(answer.body.readBigUInt64BE(8), 600n);
  assert.strictEqual(answer.body.readUInt16BE(16), 0);
  await sleep(2100);
  await peer.still();
  peer.end();
});

hostile('PUBs before their turn, which never comes', async (address, rng) => {
  const peer = await session(address);
  const inOrder = (id, back) => peer.pub(id, 2, ['early', 'e'.repeat(rng.below(1000))], { flags: back * 65536 + 4 });
  for (let i = 1; i <= 3000; i++) {
    const id = 2 + rng.below(500);
    await peer.send(inOrder(id, 1 + rng.below(Math.min(id - 1, 100))));
    if (i % 100 === 0) await sleep(2);
  }
  await peer.still();
  await sleep(2100); // all of them are gone; the first comes through, and the next
  for (const id of [1, 2]) await peer.ask(() => inOrder(id, id - 1), (m) => m.type === 'PUB_ACK' && m.body.readBigUInt64BE(8) === BigInt(id) && m.body.readUInt16BE(16) === 0, 'PUB_ACK');
  peer.end();
});

hostile('JOIN from the far future, and with a long name', async (address) => {
  const peer = await session(address);
  const room = await peer.join('r', { epoch: peer.epoch, contig: 2n ** 62n });
  assert.strictEqual(room.status, 0);
  assert.ok(room.start <= room.head + 1);
  assert.notStrictEqual((await peer.join('x'.repeat(256))).status, 0);
  assert.notStrictEqual((await peer.join('x'.repeat(1000))).status, 0);
  await peer.still();
  peer.end();
});

hostile('a session jumps to the last pktno: it has no more of them, and ends', async (address) => {
  const peer = await session(address);
  await peer.send(peer.session(TYPE.PING, Buffer.alloc(40), { pktno: 0xffffffff }));
  assert.strictEqual((await peer.of('CLOSE')).body.readUInt16BE(0), 14); // LIMIT
  await witness.still('that all sent so far was dealt with');
  peer.end();
});

server.end(['rejected: not ours', 'rejected: another version', 'rejected: lengths do not add up', 'rejected: padding that is not zeros',
  'rejected: message malformed', 'passed over: of a later level, or unknown', 'rejected: broadcast message from a client', 'rejected: not for a server',
  'rejected: no such session', 'rejected: old, and from another address', 'not asked: a CHALLENGE is on its way', 'sessions that went on at another address', 'rejected: pktno seen or too old', 'rejected: HELLO of less than 1,200 bytes',
  'rejected: HELLO over the rate', 'rejected: CONNECT without a valid cookie', 'rejected: CONNECT of less than 256 bytes', 'RESET not sent: over the rate',
  'PUB refused', 'PUB answered again', 'PUB below the window of known ones', 'messages for a channel that the session does not have',
  'of them refused: no place, or a contradiction', 'PUB given up: not whole, or never its turn',
  'PUB kept until an older one is done', 'PUB refused for now: an older one has to come first']);
tell();
