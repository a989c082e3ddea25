// raw_peer: a TCP connection that says what it likes: bytes, HTTP requests, WebSocket frames good and
// bad; and a careful reading of what comes back.
'use strict';
const net = require('node:net');
const { within } = require('./harness');

const URL = '/socket.io/?EIO=4&transport=websocket';
const UPGRADE = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const V13 = 'Sec-WebSocket-Version: 13\r\n';
const REST = `Host: a\r\n${UPGRADE}${KEY}${V13}\r\n`;
const HANDSHAKE = `GET ${URL} HTTP/1.1\r\n${REST}`;

const bytes = (x) => (Buffer.isBuffer(x) ? x : Buffer.from(x, 'latin1'));

// A client's frame. form: bytes of the length field (2 or 8) where it is not the shortest one.
function frame(opcode, payload, { fin = true, rsv = 0, mask = 0x01020304, length, form } = {}) {
  const body = Buffer.isBuffer(payload) ? Buffer.from(payload) : Buffer.from(payload || '', 'utf8');
  const n = length === undefined ? BigInt(body.length) : BigInt(length);
  const field = form || (n < 126n ? 0 : n < 65536n ? 2 : 8);
  const head = Buffer.alloc(2 + field);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask === null ? 0 : 0x80) | (field === 0 ? Number(n) : field === 2 ? 126 : 127);
  if (field === 2) head.writeUInt16BE(Number(n), 2);
  if (field === 8) head.writeBigUInt64BE(BigInt.asUintN(64, n), 2);
  if (mask === null) return Buffer.concat([head, body]);
  const key = Buffer.alloc(4);
  key.writeUInt32BE(mask);
  for (let i = 0; i < body.length; i++) body[i] ^= key[i % 4];
  return Buffer.concat([head, key, body]);
}
const text = (s, options) => frame(1, s, options);
const binary = (hex, options) => frame(2, Buffer.from(hex.replace(/ /g, ''), 'hex'), options);
const close = (code, reason = '') => frame(8, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));

class RawPeer {
  constructor(address) {
    const [host, port] = address.split(':');
    this.got = Buffer.alloc(0);
    this.more = []; // behind got, joined to it when there is enough for a frame
    this.wanted = 0;
    this.frames = [];
    this.waiting = [];
    this.socket = net.connect({ host, port: Number(port), noDelay: true });
    this.socket.on('error', () => this.wake('closed'));
    this.socket.on('end', () => this.wake('closed'));
    this.socket.on('close', () => this.wake('closed'));
    this.socket.on('data', (data) => {
      this.more.push(data);
      this.wanted -= data.length;
      if (this.wanted > 0) return;
      this.got = Buffer.concat([this.got, ...this.more.splice(0)]);
      if (this.upgraded) this.parse();
      this.wake();
    });
  }

  wake(how) {
    if (how) this.closed = true;
    this.waiting.splice(0).forEach((look) => look());
  }

  say(...pieces) {
    for (const piece of pieces) if (!this.socket.destroyed) this.socket.write(bytes(piece));
    return this;
  }

  until(test, what) {
    return within(what, (resolve) => {
      const look = () => {
        const found = test();
        if (found) resolve(found);
        else this.waiting.push(look);
      };
      look();
    });
  }

  // The whole answer of a server that closes.
  async answer() {
    await this.until(() => this.closed, `end of the answer (so far: ${this.got.toString('latin1').slice(0, 200)})`);
    return this.got.toString('latin1');
  }

  // Server frames: never masked, never fragmented, and compressed only where that was agreed on.
  parse() {
    for (;;) {
      if (this.got.length < 2) return;
      const short = this.got[1];
      if ((this.got[0] & (this.extensions ? 0xb0 : 0xf0)) !== 0x80 || short > 127) throw new Error(`bad frame head ${this.got.subarray(0, 2).toString('hex')}`);
      const field = short === 126 ? 2 : short === 127 ? 8 : 0;
      if (this.got.length < 2 + field) return;
      const n = field === 0 ? short : field === 2 ? this.got.readUInt16BE(2) : Number(this.got.readBigUInt64BE(2));
      this.wanted = 2 + field + n - this.got.length;
      if (this.wanted > 0) return;
      this.frames.push({ opcode: this.got[0] & 15, packed: (this.got[0] & 0x40) !== 0, payload: this.got.subarray(2 + field, 2 + field + n) });
      this.got = this.got.subarray(2 + field + n);
    }
  }

  end() {
    this.socket.destroy();
  }
}

// A WebSocket behind its 101, and behind Engine.IO's open packet; headers: more of the request's.
async function open(address, { url = URL, headers = '' } = {}) {
  const peer = new RawPeer(address);
  peer.say(`GET ${url} HTTP/1.1\r\n${headers}${REST}`);
  await peer.until(() => peer.got.includes('\r\n\r\n'), '101');
  const head = peer.got.toString('latin1');
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(head);
  peer.upgraded = true;
  peer.extensions = (/\r\nSec-WebSocket-Extensions: (.*)\r\n/.exec(head) || [])[1];
  peer.got = peer.got.subarray(head.indexOf('\r\n\r\n') + 4);
  peer.parse();
  const first = await peer.until(() => peer.frames.shift(), 'open packet');
  if (!/^0\{"sid":"[\w-]{20}","upgrades":\[\],/.test(first.payload.toString())) throw new Error(`not open: ${first.payload}`);
  return peer;
}

module.exports = { RawPeer, open, frame, text, binary, close, URL, UPGRADE, KEY, V13, REST, HANDSHAKE };
