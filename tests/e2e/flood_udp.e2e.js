// Floods at the UDP port, from programs of their own (udp_spoofer.c, udp_flooder.c), as fast as they go. A
// stranger's bytes bring forth a tenth of them at most, and nothing of him is kept; a client that was let in
// takes no more than his share. Beside all of it two pairs of clients, ordered and unordered, stay up
// and hear each event (udp_server/README.md, "Adversaries").
'use strict';
const assert = require('node:assert');
const dgram = require('node:dgram');
const fs = require('node:fs');
const path = require('node:path');
const { bin, start, timed, tell } = require('./harness');
const bystander = require('./bystander');
const { target, sleep } = require('./hostile');
const { seed } = require('./random');
const { UdpPeer, TYPE, message, pack, cat, u8, u16, u32, u64 } = require('./udp_peer');

const ATTACK_PER_S = 50000;
const RATIO_MAX = 0.1;
const PER_ADDRESS = 40;
const DELAY_MS_MAX = 1000; // of one event in a hundred, and what the machine keeps those waiting who are on its way
const STRANGER_GROWTH_MAX = 4 << 20; // bytes: the bystanders' logs grow, too

const ms = (v) => `${v.toFixed(1)} ms`;
const inWords = ({ events, p50, p99, max }) => `${events} events, ${ms(p50)} p50, ${ms(p99)} p99, ${ms(max)} at most`;

// A server with its bystanders, and one live session of ours.
function besieged() {
  const server = target('udp', ['--log-events', '2000', '--per-address', PER_ADDRESS, '--event-rate', '2000/s', '--event-burst', '200'], (address) => {
    server.sessions = 4; // legitimate, begun so far
    return bystander.each(address, [(to) => bystander.overUdp(to), (to) => bystander.overUdp(to, 'nack-unordered')]);
  }, async (address) => {
    const come = async () => (await UdpPeer.create(address)).handshake(Buffer.from(`flood${++server.sessions}`.padEnd(16)));
    (await come()).end();
    server.victim = server.victim || await come();
  });
  const cpu = () => Number(fs.readFileSync(`/proc/${server.child.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  const delays = () => server.pair.pairs.map((pair) => pair.delay());

  // Runs a program against it, beside the bystanders, and tells what it cost.
  server.attack = async (program, args) => {
    await server.pair.settle();
    const grown = server.resident();
    const spent = cpu();
    delays();
    const span = timed(server.child.pid, ...server.pair.pairs.flatMap((pair) => pair.clients).map((client) => client.pid));
    const child = start(path.join(fs.realpathSync(bin), '../tests', program), args.map(String));
    assert.strictEqual(await child.ended, 0);
    const did = JSON.parse(child.seen[0]);
    did.cpu = cpu() - spent;
    await server.pair.settle();
    await server.victim.still('PONG of the session that is there');
    did.delays = delays();
    const { busy } = span();
    did.grown = server.resident() - grown;
    console.log(`# ${did.sent} datagrams in ${did.ms} ms, ${Math.round(did.sent / did.ms * 1000)} a second; ${did.back_bytes} bytes back for ${did.bytes}; ` +
      `the server: ${Math.round(did.cpu)} ms of CPU, ${Math.round(did.cpu / did.sent * 1e6)} ns each, ${did.grown >> 10} KiB more; kept waiting ${busy} ms`);
    for (const delay of did.delays) {
      console.log(`# beside it: ${inWords(delay)}`);
      assert.ok(delay.events > 0 && delay.p99 < DELAY_MS_MAX + busy, inWords(delay));
    }
    return did;
  };
  return server;
}

/* ---- strangers ------------------------------------------------------------------------------- */

const strange = besieged();
let spoofed = 0; // datagrams

async function spoof(address, way, rate, ...more) {
  const { tag, pktno, epoch, channel, key, minute } = strange.victim;
  const did = await strange.attack('udp_spoofer', [address, way, seed, rate, tag, pktno, epoch, channel, key, minute, ...more]);
  spoofed += did.sent;
  assert.ok(did.grown <= STRANGER_GROWTH_MAX, `grew by ${did.grown} bytes`);
  assert.ok(did.back_bytes <= RATIO_MAX * did.bytes, `${did.back_bytes} bytes for ${did.bytes}`);
  return did;
}

strange.hostile('every type at every length from 0 to 1,500, each with some lie: a tenth out per byte in for each type', async (address) => {
  const did = await spoof(address, 'sweep', 150000);
  assert.strictEqual(did.sent, 256 * 1501);
  did.types.forEach(([sent, back], type) => assert.ok(sent > 1e6 && back <= RATIO_MAX * sent, `type ${type}: ${back} bytes for ${sent}`));
  assert.ok(did.types[TYPE.HELLO][1] > 0, 'whole HELLOs are answered');
});

for (const lie of ['any', 'cookie']) {
  strange.hostile(`${ATTACK_PER_S} datagrams, no more of them a second, ${lie}: sessions hear everything, soon`, async (address) => {
    const did = await spoof(address, 'flood', ATTACK_PER_S, lie, 1);
    assert.ok(did.sent >= ATTACK_PER_S, `only ${did.sent} sent`);
  });
}

strange.hostile('as many as the machine sends: sessions stay, and hear everything', (address) => spoof(address, 'flood', 0, 'any', 1));

// The port that a process has bound to.
function portOf(pid) {
  const inodes = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`)).map((to) => (/^socket:\[(\d+)\]/.exec(to) || [])[1]);
  const line = fs.readFileSync('/proc/net/udp', 'utf8').split('\n').map((text) => text.trim().split(/\s+/)).find((row) => inodes.includes(row[9]));
  return parseInt(line[1].split(':')[1], 16);
}

strange.hostile('whoever sends to a client from another port than the server\'s is not heard', async () => {
  const { tag, epoch, channel } = strange.victim;
  const event = pack(['forged']);
  const liar = dgram.createSocket('udp4');
  const session = (type, body) => message(type, cat(u32(epoch), u32(1000), body), { tag });
  const lies = [
    message(TYPE.DATA, cat(u32(epoch), u32(0), u64(1n << 20n, 1n << 20n, 0n), u32(0), u16(event.length), u8(0, 1), event), { tag: channel }),
    message(TYPE.BEAT, cat(u32(epoch), u32(1), u64(1n << 20n, 1n << 19n, 0n), Buffer.alloc(8)), { tag: channel }),
    session(TYPE.CLOSE, u32(0)), session(TYPE.GAP, cat(u32(2), u16(1), u16(1), u64(1, 1n << 20n))), session(TYPE.PING, u64(1)),
    message(TYPE.RESET, Buffer.alloc(16), { tag }), message(TYPE.COOKIE, Buffer.alloc(32)),
  ];
  const clients = strange.pair.pairs.flatMap((pair) => pair.clients);
  for (const port of clients.map((client) => portOf(client.pid))) {
    for (let i = 0; i < 500; i++) await new Promise((resolve) => liar.send(lies[i % lies.length], port, '127.0.0.1', resolve));
  }
  await sleep(50);
  liar.close();
  for (const pair of strange.pair.pairs) assert.ok(!pair.names.has('forged') && pair.names.has('tick'));
});

strange.end(['rejected: not ours', 'rejected: another version', 'rejected: lengths do not add up', 'rejected: padding that is not zeros',
  'rejected: message malformed', 'rejected: broadcast message from a client', 'rejected: no such session', 'rejected: old, and from another address',
  'rejected: HELLO of less than 1,200 bytes', 'rejected: HELLO over the rate', 'rejected: CONNECT without a valid cookie', 'RESET not sent: over the rate'],
(counted) => {
  const of = (words) => counted.get(words) || 0;
  const dropped = of('datagrams that the receive buffer had no place for');
  console.log(`# ${spoofed} spoofed, ${dropped} of all found the receive buffer full`);
  assert.ok(of('datagrams received') + dropped >= spoofed);
  const answered = of('COOKIE answers') + [...counted].reduce((sum, [words, n]) => sum + (/^(rejected|not asked|times that a client was asked)/.test(words) ? n : 0), 0);
  assert.ok(answered + dropped >= spoofed, `${answered} have a reason, ${dropped} were dropped, of ${spoofed}`);
  assert.strictEqual(of('sessions begun'), strange.sessions);
});

/* ---- clients that were let in ---------------------------------------------------------------- */

const shared = besieged();
const BEGINS_MAX = 4 * PER_ADDRESS + PER_ADDRESS; // at once, and in 10 s

// No more comes back than was sent, of whatever it says; but who asks seldom enough to be heard has repairs.
const REPAIRS_MAX = (did) => 2.5e3 * did.heard_ms + 2 * 64 * 1200 + 100000; // of the rate, while it was there; two bursts; all else
[['greed', 150, REPAIRS_MAX], ...['ping', 'challenge', 'nack', 'holes', 'greed', 'report', 'pub', 'parts', 'join', 'flap', 'connect', 'churn']
  .map((what) => [what, ATTACK_PER_S])].forEach(([what, rate, most], i) => {
  shared.hostile(`one client floods: ${what}, ${rate} a second`, async (address) => {
    const did = await shared.attack('udp_flooder', [address, `127.0.1.${i + 1}`, seed, rate, 500, what]);
    assert.ok(did.back_bytes <= (most ? most(did) : did.bytes), `${did.back_bytes} bytes for ${did.bytes}`);
    assert.ok(did.sessions >= 1 && did.sessions <= BEGINS_MAX, `${did.sessions} sessions`);
  });
});

shared.end(['passed over: NACK, PING and the like over the rate', 'rejected: CONNECT of an address that begins too many', 'passed over: no place for more answers',
  'of them refused: no place, or a contradiction', 'PUB refused', 'repairs held off, since one is on its way']);
tell();
