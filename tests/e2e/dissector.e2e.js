// The dissector, on captures that this test makes itself: a session of real clients with a real server over a path
// that loses, and datagrams that no end would send. Nothing here needs a privilege: the relay writes the capture.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { start, serve, until, story, tell } = require('./harness');
const { Pcap } = require('./pcap');
const { UdpRelay } = require('./udp_relay');
const { UdpPeer, TYPE, message, pack, cat, u8, u16, u32, u64 } = require('./udp_peer');
const tshark = require('./tshark');

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'dissector-'));
process.on('exit', () => fs.rmSync(dir, { recursive: true }));
fs.chmodSync(dir, 0o755);
const NEAR = path.join(dir, 'near.pcap'); // at the server's side of the path, with what is lost behind it
const FAR = path.join(dir, 'far.pcap');
const ODD = path.join(dir, 'odd.pcap');
const HOSTILE = path.join(dir, 'hostile.pcap');
const seen = {};

const isData = (payload) => payload[3] === TYPE.DATA;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const said = (text) => (lines) => lines.some((line) => line.includes(text));

/* ---- the captures ------------------------------------------------------------------------------ */

// Every message of a recorded datagram, as bytes.
function split(payload) {
  const found = [];
  for (let rest = payload; rest.length >= 16 && rest[0] === 0x0e; rest = rest.subarray(rest.readUInt16BE(6))) found.push(rest.subarray(0, rest.readUInt16BE(6)));
  return found;
}

async function record() {
  const server = await serve('udp_server', ['--listen', '127.0.0.1:0', '--log-events', '20'], ['udp']);
  const relay = await UdpRelay.create(server.udp);
  const [ann, bob] = ['Ann', 'Bob'].map((name) => start('client', [relay.url, '--room', 'tea', '--name', name, '--json'], 'ignore'));
  const say = (text) => ann.stdin.write(`${JSON.stringify(['chat message', { room: 'tea', text }])}\n`);
  await Promise.all([ann, bob].map((c) => c.until(said('"joined"'), 'joined')));
  let n = 0;
  relay.loses = (payload, down) => down && isData(payload) && ++n % 4 === 0;
  for (let i = 0; i < 20; i++) {
    say(`cup ${i}`);
    await sleep(5);
  }
  await Promise.all([ann, bob].map((c) => c.until(said('cup 19'), 'the last cup')));
  relay.loses = (payload, down) => down; // until the log has lost what they missed
  for (let i = 0; i < 50; i++) say(`mug ${i}`);
  await until('the last mug at the server', () => relay.near.packets.some(({ payload }) => payload.includes('mug 49')));
  await sleep(150);
  relay.loses = () => false;
  await Promise.all([ann, bob].map((c) => c.until(said('mug 49'), 'the last mug')));
  await bob.until(said('"gap"'), 'the gap');
  await strange(relay);
  for (const c of [ann, bob]) c.stdin.end();
  await Promise.all([ann.ended, bob.ended]);
  server.child.kill('SIGTERM');
  await server.child.ended;
  await relay.end();
  relay.near.save(NEAR);
  relay.far.save(FAR);
  return relay;
}

// What well-behaved clients have no need of: LEAVE, a CHALLENGE, an ERROR and a RESET.
async function strange(relay) {
  const peer = await UdpPeer.create(relay.url.slice('udp://'.length));
  await peer.handshake();
  const { ref } = await peer.join('milk');
  await peer.send(peer.session(TYPE.LEAVE, u32(ref)));
  await peer.of('LEAVE_OK');
  await peer.send(peer.session(TYPE.CHALLENGE, u64(0xfeedn)));
  await peer.of('RESPONSE');
  await peer.send(peer.session(TYPE.LEAVE, u32(77)));
  await peer.of('ERROR');
  await peer.send(peer.session(TYPE.PING, cat(u64(1), Buffer.alloc(32)), { tag: 12345n }));
  await peer.of('RESET');
  peer.end();
}

story('a session with loss and a gap is recorded by the relay that carries it', async () => {
  seen.relay = await record();
  const types = new Set(seen.relay.near.packets.flatMap(({ payload }) => split(payload).map((m) => m[3])));
  const want = ['HELLO', 'COOKIE', 'CONNECT', 'ACCEPT', 'CLOSE', 'ERROR', 'CHALLENGE', 'RESPONSE', 'PING', 'PONG', 'RESET', 'JOIN', 'JOIN_OK', 'LEAVE', 'LEAVE_OK', 'PUB',
    'PUB_ACK', 'DATA', 'BEAT', 'GAP', 'NACK', 'REPORT'];
  assert.deepStrictEqual(want.filter((name) => !types.has(TYPE[name])), []);
});

/* ---- what the dissector makes of them ----------------------------------------------------------- */

const fieldBytes = (m) => {
  const covered = new Set();
  for (const field of m.all) if (field.leaf || /^(flags|msgpack\.|join|event)/.test(field.name)) for (let i = 0; i < field.size; i++) covered.add(field.pos + i - m.pos);
  return covered;
};

// Offsets in a message that no field needs to name: the reserved bytes and the fill of the wire spec.
const RESERVED = {
  hello: [25, 1200], cookie: [26, 32], connect: [26, 32], close: [26, 28], error: [27, 28], leave_ok: [28, 32], ping: [32, 64], beat: [53, 56], nack: [31, 32],
};
const isReserved = (name, at) => (name === 'pub_ack' ? (at > 24 && at < 32) || (at >= 32 && (at - 32) % 32 >= 10 && (at - 32) % 32 < 12)
  : RESERVED[name] && at >= RESERVED[name][0] && at < RESERVED[name][1]);

function everyByteIsNamed() {
  const unnamed = new Set();
  const found = {};
  for (const m of seen.near.flat()) {
    found[m.name] = (found[m.name] || 0) + 1;
    const covered = fieldBytes(m);
    for (let at = 0; at < m.size; at++) if (!covered.has(at) && !isReserved(m.name, at)) unnamed.add(`${m.name} ${at}`);
  }
  assert.deepStrictEqual([...unnamed], []);
  assert.strictEqual(Object.keys(found).length, 22);
}

function typesAndCodesAreTheCode() {
  const header = fs.readFileSync(path.join(__dirname, '../../core/wire/dgram.h'), 'utf8');
  const values = tshark.run(['-G', 'values', '-X', `lua_script:${tshark.SCRIPT}`]).split('\n').map((line) => line.split('\t')).filter((v) => /^twincast\./.test(v[1]));
  const of = (field) => Object.fromEntries(values.filter((v) => v[1] === field).map((v) => [v[3], Number(v[2])]));
  const types = Object.fromEntries([...header.matchAll(/X\((\w+), (0x\w+), \d, \d\)/g)].map(([, name, code]) => [name, Number(code)]));
  assert.deepStrictEqual(of('twincast.type'), types);
  const words = fs.readFileSync(path.join(__dirname, '../../core/wire/dgram_text.c'), 'utf8').match(/words\[\] = \{([^}]*)\}/)[1];
  const codes = Object.fromEntries([...words.matchAll(/"([^"]*)"/g)].map(([, text], i) => [text, i]));
  assert.deepStrictEqual(of('twincast.close.code'), codes);
  const flags = [...header.matchAll(/^ {8}DGRAM_(SEALED|MULTI|OWN|VERSION_UNKNOWN|RECOVERED|PACED) = \d+/gm)].map(([, name]) => `flags.${name.toLowerCase()}`);
  assert.deepStrictEqual(seen.near[1][0].all.map((x) => x.name).filter((name) => name.startsWith('flags.')).sort(), flags.sort());
}

function valuesAreThoseOnTheWire() {
  let several = 0;
  seen.relay.near.packets.forEach(({ payload }, i) => {
    const raw = split(payload);
    const shown = seen.near[i + 1];
    several += raw.length > 1;
    assert.deepStrictEqual(shown.map((m) => [m.pos, m.size]), raw.map((m) => [m.byteOffset - payload.byteOffset, m.length]));
    raw.forEach((m, k) => {
      const of = (name) => shown[k].of(name)[0];
      assert.strictEqual(Number(of('type')), m[3]);
      assert.strictEqual(BigInt(of('tag')), m.readBigUInt64BE(8));
      if (!isData(m)) return;
      assert.deepStrictEqual(['epoch', 'origin', 'event_bytes', 'fragment', 'fragments'].map((name) => Number(of(`data.${name}`))),
        [m.readUInt32BE(16), m.readUInt32BE(20), m.readUInt16BE(52), m[54], m[55]]);
      assert.deepStrictEqual(['seq', 'eid', 't_us'].map((name) => BigInt(of(`data.${name}`))), [24, 32, 40].map((at) => m.readBigUInt64BE(at)));
      assert.deepStrictEqual(shown[k].of('event.crc_good'), ['1']);
    });
  });
  assert.ok(several > 10, `${several} datagrams with several messages`);
}

// The links, worked out again from the bytes: by whom they were seen before, and asked for.
function linksAreRight(relayed, frames) {
  const first = new Map(), asked = [], refs = new Map(), counts = { repeats: 0, repairs: 0 };
  relayed.packets.forEach(({ payload, from, to }, i) => split(payload).forEach((m, k) => {
    const shown = frames[i + 1][k];
    if (m[3] === TYPE.JOIN_OK) refs.set(`${to.port} ${shown.of('join_ok.ref')[0]}`, BigInt(shown.of('join_ok.tag')[0]));
    if (m[3] === TYPE.NACK) {
      const tag = refs.get(`${from.port} ${m.readUInt32BE(24)}`);
      for (let r = 0; r < m.readUInt16BE(28); r++) asked.push({ frame: i + 1, port: from.port, tag, from: m.readBigUInt64BE(40 + 16 * r), to: m.readBigUInt64BE(48 + 16 * r) });
    }
    if (m[3] !== TYPE.DATA) return;
    const seq = m.readBigUInt64BE(24), tag = m.readBigUInt64BE(8), key = `${to.port} ${tag} ${seq}`;
    const nack = asked.findLast((a) => a.port === to.port && a.tag === tag && a.from <= seq && seq <= a.to);
    assert.deepStrictEqual(shown.of('data.first'), first.has(key) ? [String(first.get(key))] : []);
    assert.deepStrictEqual(shown.of('data.nack'), nack ? [String(nack.frame)] : []);
    if (nack) assert.ok(frames[nack.frame].some((x) => x.of('nack.repair').includes(String(i + 1))), `the NACK of frame ${nack.frame} knows of repair ${i + 1}`);
    counts.repeats += first.has(key);
    counts.repairs += Boolean(nack);
    if (!first.has(key)) first.set(key, i + 1);
  }));
  return counts;
}

function nacksKnowWhatTheyMiss() {
  const nacks = seen.near.flatMap((frame, i) => frame.filter((m) => m.name === 'nack' && m.of('nack.missed').length > 0).map((m) => [i, m]));
  assert.ok(nacks.length >= 5);
  for (const [i, m] of nacks) {
    const from = m.of('nack.from').map(Number), to = m.of('nack.to').map(Number);
    for (const frame of m.of('nack.missed').map(Number)) {
      assert.ok(frame < i);
      assert.ok(seen.near[frame].some((d) => d.of('data.seq').some((seq) => from.some((a, r) => a <= Number(seq) && Number(seq) <= to[r]))));
    }
  }
  const gaps = seen.near.flat().filter((m) => m.name === 'gap');
  assert.ok(gaps.some((m) => m.of('gap.nack').length > 0 && m.text.startsWith('GAP: tea evicted')), gaps.map((m) => m.text).join('; '));
}

function answersAreLinked() {
  const all = seen.near.flatMap((frame, i) => frame.map((m) => [i, m]));
  for (const [question, answer] of [['hello', 'cookie'], ['connect', 'accept'], ['challenge', 'response'], ['ping', 'pong'], ['join', 'join_ok'], ['leave', 'leave_ok'], ['pub', 'pub_ack'], ['leave', 'error']]) {
    const linked = all.filter(([, m]) => m.name === answer && m.of('response_to').length > 0);
    assert.ok(linked.length > 0, `${answer} is linked to ${question}`);
    for (const [i, m] of linked) {
      for (const frame of m.of('response_to').map(Number)) {
        assert.ok(frame < i && seen.near[frame].some((q) => q.name === question && q.of('response_in').includes(String(i))), `${question} ${frame} to ${answer} ${i}`);
      }
    }
  }
  assert.ok(all.some(([, m]) => m.of('report.beat').length > 0));
}

function textIsThere() {
  const rows = (filter, field) => tshark.read(NEAR, ['-Y', filter, '-T', 'fields', '-e', field]).trim().split('\n');
  assert.ok(rows('twincast.event.text contains "mug 49"', 'twincast.event.name').every((row) => row.includes('chat message')));
  assert.ok(rows('twincast.join.room == "tea"', 'twincast.join.mode').every((row) => row === '1'));
  assert.ok(rows('twincast.connect', 'twincast.connect.namespace').includes('/'));
  assert.ok(rows('twincast.msgpack.string == "cup 3"', 'frame.number').length >= 2);
  assert.match(rows('twincast.gap', '_ws.col.Info').join('\n'), /GAP tea evicted \d+-\d+; DATA tea \d+ repair/);
  assert.match(rows('twincast.error', '_ws.col.Info')[0], /^ERROR no channel/);
}

/* ---- what no end would send --------------------------------------------------------------------- */

function crc32c(bytes) {
  let c = ~0;
  for (const b of bytes) for (let k = 0, x = (c ^= b); k < 8; k++, x = c) c = x & 1 ? (x >>> 1) ^ 0x82f63b78 : x >>> 1;
  return ~c >>> 0;
}
const data = (seq, event, { idx = 0, cnt = 1, part = event, crc = crc32c(event), n = event.length } = {}) => message(TYPE.DATA,
  cat(u32(7), u32(1), u64(seq, seq, 1000), u32(crc), u16(n), u8(idx, cnt), part), { tag: 99n });
const session = (type, body) => message(type, cat(u32(7), u32(1), body), { tag: 5n });

const nackOf = (seq, to) => session(TYPE.NACK, cat(u32(3), u16(1), u8(1, 0), u64(1), u64(seq, to)));

// A row: what it is, its bytes, and what must be found out about it.
const big = pack(['big', 'x'.repeat(2500)]);
const deep = cat(...Array.from({ length: 40 }, () => u8(0x91)), u8(1));
const ODDITIES = [
  ['a JOIN_OK', session(TYPE.JOIN_OK, pack(new Map([[1, 1], [2, [['tea', 0, 3, 99, 7, 1, 5, 1]]]]))), (m) => m.of('join_ok.tag')[0] === '0x0000000000000063'],
  ['a fragment alone', data(5, big, { idx: 0, cnt: 3, part: big.subarray(0, 1100) }), (m) => m.of('event.text').length === 0],
  ['the last fragment', data(5, big, { idx: 2, cnt: 3, part: big.subarray(2200) }), (m) => m.of('event.text').length === 0],
  ['the fragment that makes it whole', data(5, big, { idx: 1, cnt: 3, part: big.subarray(1100, 2200) }),
    (m) => m.of('event.name')[0] === 'big' && m.of('event.crc_good')[0] === '1' && m.of('event.fragment').length === 3],
  ['a NACK for the middle of it', nackOf(5, (1n << 63n) | 2n), (m) => m.of('nack.fragments')[0] === '0x8000000000000002' && m.of('nack.missed').join() === '4' && m.of('nack.repair').join() === '6'],
  ['the middle again', data(5, big, { idx: 1, cnt: 3, part: big.subarray(1100, 2200) }), (m) => m.of('data.first').join() === '4' && m.of('data.nack').join() === '5'],
  ['a fragment of the wrong size', data(5, big, { idx: 0, cnt: 3, part: big.subarray(0, 1000) }), (m) => m.of('malformed').length === 1],
  ['a wrong CRC', data(6, pack(['a']), { crc: 1 }), (m) => m.of('event.crc_good')[0] === '0' && m.of('bad_crc').length === 1],
  ['fragment 3 of 2', data(7, pack(['a']), { idx: 3, cnt: 0 }), (m) => m.of('malformed').length === 1],
  ['an event shorter than it says', data(8, pack(['a']), { n: 99 }), (m) => m.of('malformed').length === 1],
  ['seq 0', data(0, pack(['a'])), (m) => m.of('malformed').length === 1],
  ['msgpack nested without end', data(9, deep), (m) => m.of('malformed').length === 1],
  ['msgpack with more items than bytes', data(10, u8(0xdd, 0xff, 0xff, 0xff, 0xff)), (m) => m.of('malformed').length === 1],
  ['every kind of msgpack', data(11, cat(u8(0xdc), u16(9), pack('all'), u8(0xc0, 0xc2, 0xca, 0x3f, 0xc0, 0, 0, 0xd3, 255, 255, 255, 255, 255, 255, 255, 254,
    0xcf, 255, 255, 255, 255, 255, 255, 255, 255, 0xc4, 2, 1, 2, 0xd6, 1, 1, 2, 3, 4, 0x81, 1, 0xa1, 0x41))),
  (m) => m.of('event.text')[0] === '["all", null, false, 1.5, -2, 18446744073709551615, <bin 0102>, <ext 0101020304>, {1: "A"}]'],
  ['a NACK with no range', session(TYPE.NACK, cat(u32(3), u16(0), u8(1, 0), u64(1))), (m) => m.of('malformed').length === 1],
  ['a NACK with more ranges than it has', session(TYPE.NACK, cat(u32(3), u16(2), u8(1, 0), u64(1), u64(2, 3))), (m) => m.of('malformed').length === 1],
  ['a NACK of numbers above 2^53', nackOf(1n << 60n, (1n << 60n) + 5n), (m) => m.of('nack.missed').length === 0 && m.of('malformed').length === 0],
  ['a NACK of a range upside down', session(TYPE.NACK, cat(u32(3), u16(1), u8(1, 0), u64(1), u64(9, 3))), (m) => m.of('malformed').length === 1],
  ['an NCF', message(TYPE.NCF, cat(u32(77), u16(2), u16(0), u64(2, 3, 5, (1n << 63n) | 5n))),
    (m) => m.name === 'ncf' && m.of('ncf.from').join() === '2,5' && m.of('ncf.fragments').length === 1 && m.of('malformed').length === 0],
  ['an NCF of a range upside down', message(TYPE.NCF, cat(u32(77), u16(1), u16(0), u64(9, 3))), (m) => m.of('malformed').length === 1],
  ['a GROUP', session(TYPE.GROUP, cat(Buffer.alloc(10), u8(255, 255, 239, 1, 2, 3), u16(5007), u16(0))), (m) => m.of('group.port')[0] === '5007'],
  ['a LISTEN', session(TYPE.LISTEN, u8(1, 0, 0, 0)), (m) => m.of('listen.on')[0] === '1'],
  ['a PING that is long', session(TYPE.PING, cat(u64(1), Buffer.alloc(300))), (m) => m.of('malformed').length === 0],
  ['a CLOSE that is long', session(TYPE.CLOSE, Buffer.alloc(8)), (m) => m.of('malformed').length === 1],
  ['a type of level 2', session(TYPE.PROBE, u32(4)), (m) => m.name === 'probe' && m.of('body').length === 1],
  ['a type of no level', message(0x7f, u32(4)), (m) => m.name === 'unknown' && m.of('unknown_type').length === 1],
  ['a sealed message', message(TYPE.DATA, Buffer.alloc(60), { flags: 1 }), (m) => m.of('flags.sealed')[0] === '1' && m.of('body').length === 1],
  ['a JOIN that is no map', session(TYPE.JOIN, pack([1])), (m) => m.of('malformed').length === 1],
  ['parity of fragments', data(30, big, { idx: 4, cnt: 3, part: Buffer.alloc(1100) }),
    (m) => m.of('malformed').length === 0 && m.of('event.text').length === 0 && /parity 1 of 3 fragments/.test(m.text)],
  ['the ninth of them', data(30, big, { idx: 11, cnt: 3, part: Buffer.alloc(1100) }), (m) => m.of('malformed').length === 1],
  ['parity as short as the last fragment', data(30, big, { idx: 3, cnt: 3, part: Buffer.alloc(big.length - 2200) }), (m) => m.of('malformed').length === 1],
  ['a JOIN whose row is short', session(TYPE.JOIN, pack(new Map([[1, 1], [2, [['tea', 1]]]]))), (m) => m.of('malformed').length === 1],
];

function oddities() {
  const capture = new Pcap();
  const from = { address: '10.0.0.1', port: 4000 }, to = { address: '10.0.0.2', port: 4001 };
  ODDITIES.forEach(([, bytes], i) => capture.add(bytes, from, to, { us: i }));
  capture.add(cat(data(20, pack(['a'])), Buffer.alloc(30)), from, to); // padded
  capture.add(data(21, pack(['abcdefgh'])), from, to, { seen: 28 + 60 }); // cut by the capture
  capture.add(cat(data(22, pack(['a'])), u8(0, 0, 1)), from, to); // not padding: not ours
  capture.save(ODD);
  const frames = tshark.messages(ODD);
  ODDITIES.forEach(([name, , holds], i) => assert.ok(frames[i + 1].length === 1 && holds(frames[i + 1][0]), `${name}: ${JSON.stringify(frames[i + 1])}`));
  const n = ODDITIES.length;
  assert.match(tshark.read(ODD, ['-Y', `frame.number == ${n + 1}`, '-V']), /Padding: 30 zeros/);
  assert.deepStrictEqual(frames[n + 2][0].of('cut').length, 1);
  assert.deepStrictEqual(frames[n + 3], []);
  assert.match(tshark.read(ODD, ['-Y', `frame.number == ${n + 3}`, '-d', 'udp.port==4001,twincast', '-V']), /Malformed datagram: something in the padding/);
}

// Bytes drawn from a seed; the same in every run.
function rng(seed) {
  let s = BigInt(seed);
  return (bound) => {
    s = BigInt.asUintN(64, s * 6364136223846793005n + 1442695040888963407n);
    return Number((s >> 33n) % BigInt(bound));
  };
}

// Recorded datagrams with bytes changed or missing, and each type at many lengths with random bodies.
function hostile() {
  const capture = new Pcap(), pick = rng(1);
  const from = { address: '10.0.0.1', port: 4000 }, to = { address: '10.0.0.2', port: 4001 };
  const packets = seen.relay.near.packets.map((p) => p.payload);
  for (let i = 0; i < 2000; i++) {
    const bytes = Buffer.from(packets[pick(packets.length)]);
    for (let n = pick(6); n > 0; n--) bytes[pick(4) ? pick(bytes.length) : pick(Math.min(80, bytes.length))] = pick(3) ? pick(256) : 255;
    const cut = pick(3) === 0 ? pick(bytes.length + 1) : bytes.length;
    capture.add(bytes.subarray(0, cut), from, to, { us: i, seen: pick(4) ? undefined : 28 + pick(cut + 1) });
  }
  for (let type = 0; type < 256; type++) {
    for (let n = 0; n < 100; n += type in Object.values(TYPE) ? 1 : 9) {
      capture.add(message(type, Buffer.from(Array.from({ length: n }, () => (pick(2) ? pick(4) : pick(256)))), { flags: pick(8) << 1 }), from, to, { us: type });
    }
  }
  capture.save(HOSTILE);
  const text = tshark.read(HOSTILE, ['-V', '-d', 'udp.port==4001,twincast']);
  assert.deepStrictEqual([...new Set(text.split('\n').filter((line) => /lua|dissector bug/i.test(line)))], []);
  const bad = tshark.read(HOSTILE, ['-Y', 'twincast.malformed', '-T', 'fields', '-e', 'frame.number', '-d', 'udp.port==4001,twincast']).trim().split('\n').length;
  assert.ok(bad > 2000, `${bad} of ${capture.packets.length} are malformed`);
  tshark.read(HOSTILE, ['-V']); // and as the heuristic sees them
}

const missing = tshark.why();
if (!missing) {
  story('each message of a datagram is found where it is, with its values', () => {
    seen.near = tshark.messages(NEAR);
    seen.far = tshark.messages(FAR);
    valuesAreThoseOnTheWire();
  });
  story('every byte of every message but the reserved ones belongs to a field with a name', everyByteIsNamed);
  story('types, codes and flags are those of the code', typesAndCodesAreTheCode);
  story('a repeated DATA knows its first frame and the NACK that asked, and that NACK its repairs: at the server', () => {
    const { repeats, repairs } = linksAreRight(seen.relay.near, seen.near);
    assert.ok(repeats >= 5 && repairs >= 5, `${repeats} ${repairs}`);
  });
  story('the same at the clients, who see of a lost DATA only its repair', () => {
    const { repairs } = linksAreRight(seen.relay.far, seen.far);
    assert.ok(repairs >= 5);
  });
  story('a NACK knows the frames of what it misses, a GAP the NACK it answers', nacksKnowWhatTheyMiss);
  story('answers are linked to what they answer, a REPORT to its BEAT', answersAreLinked);
  story('events and rooms can be filtered by their text, and are told in a line', textIsThere);
  story('fragments are put together; what contradicts itself is marked', oddities);
  story('no bytes bring forth an error of Lua', hostile);
} else if (process.env.CI === 'true') {
  story('a tshark to try the dissector in', () => { throw new Error(missing); });
} else {
  console.log(`# skipped: the dissector was not tried: ${missing}`);
}

tell();
