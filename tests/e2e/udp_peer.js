// udp_peer: one end of the UDP path, byte by byte, as far as hostile tests need it: the handshake,
// messages of a session with any body, and what comes back, message by message.
'use strict';
const dgram = require('node:dgram');
const { decode } = require('notepack.io');
const { within } = require('./harness');

const TYPE = {
  HELLO: 0x01, COOKIE: 0x02, CONNECT: 0x03, ACCEPT: 0x04, CLOSE: 0x05, ERROR: 0x06, CHALLENGE: 0x07, RESPONSE: 0x08,
  PING: 0x09, PONG: 0x0a, PROBE: 0x0b, PROBE_ACK: 0x0c, RESET: 0x0d, JOIN: 0x10, JOIN_OK: 0x11, LEAVE: 0x12, LEAVE_OK: 0x13,
  REKEY: 0x14, GROUP: 0x15, LISTEN: 0x16, PUB: 0x20, PUB_ACK: 0x21, DATA: 0x30, FEC: 0x31, BEAT: 0x32, NCF: 0x33, GAP: 0x34, NACK: 0x40, REPORT: 0x41,
};
const NAME = Object.fromEntries(Object.entries(TYPE).map(([name, code]) => [code, name]));
const ALL_TAG = 87; // in ACCEPT's body: the tag of everyone's channel
const CLASS_B = new Set([TYPE.DATA, TYPE.FEC, TYPE.BEAT, TYPE.NCF]);
const NO_SESSION = new Set([TYPE.HELLO, TYPE.COOKIE, TYPE.CONNECT, TYPE.RESET]);

const u8 = (...v) => Buffer.from(v);
const u16 = (v) => { const b = Buffer.alloc(2); b.writeUInt16BE(v & 0xffff); return b; };
const u32 = (v) => { const b = Buffer.alloc(4); b.writeUInt32BE(v >>> 0); return b; };
const u64 = (...vs) => Buffer.concat(vs.map((v) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt.asUintN(64, BigInt(v))); return b; }));
const cat = (...parts) => Buffer.concat(parts);

// msgpack as this path needs it: Map for maps with integer keys.
function pack(v) {
  if (v === null) return u8(0xc0);
  if (typeof v === 'number') return v < 128 ? u8(v) : cat(u8(0xcf), u64(v));
  if (typeof v === 'bigint') return cat(u8(0xcf), u64(v));
  if (typeof v === 'string') { const s = Buffer.from(v); return cat(s.length < 32 ? u8(0xa0 | s.length) : cat(u8(0xda), u16(s.length)), s); }
  if (Array.isArray(v)) return cat(v.length < 16 ? u8(0x90 | v.length) : cat(u8(0xdc), u16(v.length)), ...v.map(pack));
  return cat(u8(0x80 | v.size), ...[...v].map(([key, value]) => cat(pack(key), pack(value))));
}

// A common header, honest unless told otherwise, and what follows it.
function message(type, body, { tag = 0n, flags = 0, length, magic = 0x0e4c, version = 1 } = {}) {
  return cat(u16(magic), u8(version, type), u16(flags), u16(length === undefined ? 16 + body.length : length), u64(tag), body);
}

function parse(datagram) {
  const found = [];
  for (let rest = datagram; rest.length >= 16 && rest.readUInt16BE(0) === 0x0e4c;) {
    const type = rest[3];
    const n = rest.readUInt16BE(6);
    const session = !CLASS_B.has(type) && !NO_SESSION.has(type);
    found.push({
      type: NAME[type] || type, flags: rest.readUInt16BE(4), tag: rest.readBigUInt64BE(8), body: rest.subarray(session ? 24 : 16, n), bytes: n,
      ...(session && { epoch: rest.readUInt32BE(16), pktno: rest.readUInt32BE(20) }),
    });
    rest = rest.subarray(n);
  }
  return found;
}

class UdpPeer {
  static async create(address) {
    const peer = new UdpPeer();
    const [host, port] = address.split(':');
    peer.to = { host, port: Number(port) };
    peer.heard = [];
    peer.waiting = [];
    peer.bytesOut = peer.bytesIn = peer.datagramsIn = 0;
    peer.pktno = 0;
    peer.epoch = 0;
    peer.tag = 0n;
    peer.socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
    peer.socket.on('message', (datagram) => {
      peer.bytesIn += datagram.length;
      peer.datagramsIn++;
      peer.heard.push(...parse(datagram));
      peer.waiting.splice(0).forEach((look) => look());
    });
    await new Promise((resolve) => peer.socket.bind(0, '127.0.0.1', resolve));
    return peer;
  }

  send(datagram) {
    this.bytesOut += datagram.length;
    return new Promise((resolve) => this.socket.send(datagram, this.to.port, this.to.host, resolve));
  }

  // The first message heard that passes, taken out.
  next(test, what = 'an answer') {
    return within(what, (resolve) => {
      const look = () => {
        const i = this.heard.findIndex(test);
        if (i < 0) this.waiting.push(look);
        else resolve(this.heard.splice(i, 1)[0]);
      };
      look();
    });
  }

  of(type) {
    return this.next((m) => m.type === type, type);
  }

  hello(nonce = 7n, size = 1200) {
    const body = cat(u64(nonce), u8(1), Buffer.alloc(1184 - 9));
    return message(TYPE.HELLO, body.subarray(0, Math.max(0, size - 16)));
  }

  // proof: COOKIE's 32 bytes, as they came
  connect(proof, tail = pack(new Map()), instance = Buffer.from('0123456789abcdef')) {
    return cat(message(TYPE.CONNECT, cat(proof, instance, tail)), Buffer.alloc(256));
  }

  // Says a datagram again and again until it is answered: a full buffer drops it, a rate passes over it. said: it, or
  // what makes it anew each time; answer: a type, or a test.
  async ask(said, answer, what) {
    const say = () => this.send(typeof said === 'function' ? said() : said);
    await say();
    const again = setInterval(say, 400);
    return (typeof answer === 'string' ? this.of(answer) : this.next(answer, what)).finally(() => clearInterval(again));
  }

  async handshake(instance, tail) {
    const cookie = await this.ask(this.hello(), 'COOKIE');
    const accept = await this.ask(this.connect(cookie.body.subarray(0, 32), tail, instance), 'ACCEPT');
    this.tag = accept.body.readBigUInt64BE(0);
    this.epoch = accept.epoch;
    this.channel = accept.body.readBigUInt64BE(ALL_TAG);
    [this.key, this.minute] = cookie.body.subarray(8);
    return this;
  }

  // One message of the session.
  session(type, body, options = {}) {
    const { pktno = ++this.pktno, epoch = this.epoch } = options;
    return message(type, cat(u32(epoch), u32(pktno), body), { tag: this.tag, ...options });
  }

  ping(t1 = 1) {
    return this.session(TYPE.PING, cat(u64(t1), Buffer.alloc(32)));
  }

  // The server answers, so all that was sent before has been dealt with.
  async still(what = 'PONG') {
    const t1 = BigInt(1000 + this.pktno);
    return this.ask(() => this.ping(t1), (m) => m.type === 'PONG' && m.body.readBigUInt64BE(0) === t1, what);
  }

  async join(room, { mode = 1, epoch = 0, contig = 0 } = {}) {
    await this.send(this.session(TYPE.JOIN, pack(new Map([[1, 1], [2, [[room, mode, epoch, contig]]]]))));
    const row = decode((await this.of('JOIN_OK')).body)[2][0];
    return { status: row[1], ref: row[2], head: row[6], start: row[7] };
  }

  pub(id, ref, event, { cnt = 1, idx = 0, flags = 1, bytes } = {}) {
    const packed = Buffer.isBuffer(event) ? event : pack(event);
    return this.session(TYPE.PUB, cat(u64(id), u32(ref), u8(idx, cnt), u16(bytes === undefined ? packed.length : bytes), u32(flags), packed));
  }

  nack(ref, ranges, { n = ranges.length, contig = 0 } = {}) {
    return this.session(TYPE.NACK, cat(u32(ref), u16(n), u8(1, 0), u64(contig), ...ranges.map((r) => u64(...r))));
  }

  end() {
    if (this.tag) this.socket.send(this.session(TYPE.CLOSE, u32(0)), this.to.port, this.to.host, () => this.socket.close());
    else this.socket.close();
  }
}

module.exports = { UdpPeer, TYPE, message, parse, pack, cat, u8, u16, u32, u64 };
