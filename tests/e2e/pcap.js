// pcap: capture files of UDP datagrams, written by whoever carries them: no privilege, no interface.
// Link type RAW: each packet is an IPv4 header, a UDP header and the payload.
'use strict';
const fs = require('node:fs');

const LINKTYPE_RAW = 101;
const ip = (host) => Buffer.from(host.split('.').map(Number));

function checksum(header) {
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

// from, to: { address, port }. The UDP checksum is 0: not computed.
function packet(payload, from, to) {
  const head = Buffer.alloc(28);
  head[0] = 0x45;
  head.writeUInt16BE(28 + payload.length, 2);
  head[8] = 64;
  head[9] = 17;
  ip(from.address).copy(head, 12);
  ip(to.address).copy(head, 16);
  head.writeUInt16BE(checksum(head.subarray(0, 20)), 10);
  head.writeUInt16BE(from.port, 20);
  head.writeUInt16BE(to.port, 22);
  head.writeUInt16BE(8 + payload.length, 24);
  return Buffer.concat([head, payload]);
}

class Pcap {
  constructor() {
    const head = Buffer.alloc(24);
    head.writeUInt32LE(0xa1b2c3d4, 0);
    head.writeUInt16LE(2, 4);
    head.writeUInt16LE(4, 6);
    head.writeUInt32LE(65535, 16);
    head.writeUInt32LE(LINKTYPE_RAW, 20);
    this.pieces = [head];
    this.packets = [];
  }

  // seen: how much of it the capture keeps (a snap length)
  add(payload, from, to, { us = Math.round((performance.timeOrigin + performance.now()) * 1000), seen = Infinity } = {}) {
    const bytes = packet(payload, from, to);
    const kept = bytes.subarray(0, Math.min(bytes.length, seen));
    const head = Buffer.alloc(16);
    head.writeUInt32LE(Math.floor(us / 1e6), 0);
    head.writeUInt32LE(us % 1e6, 4);
    head.writeUInt32LE(kept.length, 8);
    head.writeUInt32LE(bytes.length, 12);
    this.pieces.push(head, kept);
    this.packets.push({ payload: Buffer.from(payload), from, to, us });
  }

  save(file) {
    fs.writeFileSync(file, Buffer.concat(this.pieces));
    fs.chmodSync(file, 0o644);
  }
}

module.exports = { Pcap };
