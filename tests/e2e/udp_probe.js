// udp_probe: a UDP echo and its pinger, for the tests of the link. The datagrams are DATA messages of
// the UDP path with seq 1, 2, 3, ..., so that the link takes them for events.
//
//   udp_probe.js serve PORT COUNT_FILE        echoes until SIGTERM, then writes how many came
//   udp_probe.js ping HOST PORT OWN_PORT N MS sends N, one every MS; prints {sent, seqs, rtt_ms} as JSON
'use strict'
const dgram = require('dgram')
const fs = require('fs')

const QUIET_MS = 1000 // nothing came for so long: nothing more will
const KEPT = { type: 'udp4', recvBufferSize: 4 << 20 } // all of a run, however long we are kept from reading

function event (seq) {
  const m = Buffer.alloc(59)
  m.writeUInt16BE(0x0e4c, 0)
  m.writeUInt8(1, 2)
  m.writeUInt8(0x30, 3)
  m.writeUInt16BE(m.length, 6)
  m.writeBigUInt64BE(1n, 8)
  m.writeUInt32BE(1, 16)
  m.writeBigUInt64BE(BigInt(seq), 24)
  m.writeBigUInt64BE(BigInt(seq), 32)
  m.writeUInt16BE(3, 52)
  m.writeUInt8(1, 55)
  m.write('\x91\xa1x', 56, 'latin1')
  return m
}

function serve (port, countFile) {
  const socket = dgram.createSocket(KEPT)
  let count = 0
  socket.on('message', (m, from) => { count++; socket.send(m, from.port, from.address) })
  socket.bind(port, () => console.log('listening'))
  process.on('SIGTERM', () => { fs.writeFileSync(countFile, String(count)); process.exit(0) })
}

function ping (host, port, ownPort, n, ms) {
  const socket = dgram.createSocket(KEPT)
  const left = new Map()
  const seqs = []
  const rtts = []
  socket.on('message', m => {
    const seq = Number(m.readBigUInt64BE(24))
    seqs.push(seq)
    rtts.push(Number(process.hrtime.bigint() - left.get(seq)) / 1e6)
  })
  socket.bind(ownPort, () => {
    const start = process.hrtime.bigint()
    let sent = 0
    const timer = setInterval(() => {
      const due = Math.min(n, 1 + Math.floor(Number(process.hrtime.bigint() - start) / 1e6 / ms))
      while (sent < due) {
        left.set(++sent, process.hrtime.bigint())
        socket.send(event(sent), port, host)
      }
      if (sent < n) return
      clearInterval(timer)
      finish(-1)
    }, ms)
  })
  const finish = before => {
    if (seqs.length > before) return setTimeout(finish, QUIET_MS, seqs.length)
    rtts.sort((a, b) => a - b)
    const at = q => rtts[Math.min(rtts.length - 1, Math.floor(q * rtts.length))]
    console.log(JSON.stringify({ sent: left.size, seqs, rtt_ms: { min: at(0), p50: at(0.5), p99: at(0.99) } }))
    process.exit(0)
  }
}

const [mode, ...args] = process.argv.slice(2)
if (mode === 'serve') serve(Number(args[0]), args[1])
else ping(args[0], Number(args[1]), Number(args[2]), Number(args[3]), Number(args[4]))
