// both: one script played against two servers, and what each answered, as lines that can be compared: ids are $ (%
// a private one), header names are in small letters and in order, and what no client looks at is left out (dates, how
// a body's length is said, how long a connection is kept).
'use strict';
const { timed } = require('./harness');
const { RawPeer, frame, text, UPGRADE, KEY, V13 } = require('./raw_peer');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const UNSEEN = /^(date|content-length|transfer-encoding|connection|keep-alive):/;
const seen = ({ headers }) => headers.filter((line) => !UNSEEN.test(line));
const masked = (words) => words.replace(/"sid":"[\w-]{20}"/g, '"sid":"$"').replace(/"pid":"[\w-]+"/g, '"pid":"%"');

// In msgpack a sid is a text of 20 bytes behind its key; where the reference has no private id it writes it all the same,
// as undefined, which no client can tell from nothing.
const packed = (hex) => hex.replace(/8[12](a3736964b4)[0-9a-f]{40}(a3706964d40000)?/, '81$1$');
const short = (words) => (words.length > 2000 ? `${words.slice(0, 20)}... of ${words.length}` : words);

function unchunk(body) {
  let whole = '';
  for (let at = 0; ;) {
    const end = body.indexOf('\r\n', at);
    const n = parseInt(body.slice(at, end), 16);
    if (!(n > 0)) return whole;
    whole += body.slice(end + 2, end + 2 + n);
    at = end + n + 4;
  }
}

// The same field in several lines is one list (RFC 9110 5.3), and the order of Vary's is nobody's business.
function merge(lines) {
  const fields = new Map();
  for (const line of lines) {
    const [, name, value] = /^([^:]*): ?(.*)$/.exec(line);
    fields.set(name.toLowerCase(), [...(fields.get(name.toLowerCase()) || []), value]);
  }
  if (fields.has('vary')) fields.set('vary', fields.get('vary').flatMap((list) => list.split(', ')).sort());
  return [...fields].map(([name, values]) => `${name}: ${values.join(', ')}`).sort();
}

// One answer at the start of bytes in latin1; null while it is not whole.
function parse(got, closed, headless) {
  const end = got.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [first, ...lines] = got.slice(0, end).split('\r\n');
  const headers = merge(lines);
  const value = (name) => headers.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const status = Number(first.split(' ')[1]);
  const rest = got.slice(end + 4);
  if (headless) return { status, headers, value, body: rest, used: got.length };
  const length = status === 101 || status === 204 || status === 304 ? 0 : value('content-length');
  if (value('transfer-encoding') === 'chunked') {
    const last = rest.indexOf('0\r\n\r\n');
    if (last < 0) return null;
    return { status, headers, value, body: unchunk(rest), used: end + 4 + last + 5 };
  }
  if (length === undefined ? !closed : rest.length < length) return null;
  const n = length === undefined ? rest.length : Number(length);
  return { status, headers, value, body: rest.slice(0, n), used: end + 4 + n };
}

class WebSocketPeer {
  constructor(player, peer) {
    Object.assign(this, { player, peer });
  }

  say(...pieces) {
    this.peer.say(...pieces.map((piece) => (typeof piece === 'string' ? text(piece) : piece)));
    return this;
  }

  // The server's own questions have ids that count for all clients: one is kept, and written down as #.
  unasked(words) {
    return words.replace(/^(4(?:2|5\d+-))(\d+)\[/, (whole, type, id) => {
      this.asked = id;
      return `${type}#[`;
    });
  }

  note({ opcode, payload }) {
    const { player, peer } = this;
    if (opcode === 8) player.note(`close ${payload.length ? payload.readUInt16BE(0) : 1005}`), peer.say(frame(8, payload.subarray(0, 2)));
    else if (opcode === 1) player.note(`< ${short(this.unasked(masked(payload.toString())))}`);
    else if (opcode === 2) player.note(`<< ${short(packed(payload.toString('hex')))}`);
    else if (opcode === 10) player.note(`< pong ${payload}`);
    else player.note(`< opcode ${opcode}`);
  }

  // The next frame; null at the end of the connection, and when nothing comes in time.
  async next() {
    const { peer } = this;
    await peer.until(() => peer.frames.length > 0 || peer.closed, 'frame').catch(() => {});
    if (peer.frames.length > 0) return peer.frames.shift();
    if (peer.closed && !this.over) this.player.note('end');
    this.over = peer.closed;
    return null;
  }

  // Writes down what has been said by the time that all before is dealt with: two pings are answered, so that the
  // reference's next tick has come too.
  async hear() {
    for (let i = 0; i < 2 && !this.over; i++) {
      this.peer.say(frame(9, '\0'));
      for (let got; (got = await this.next()) && !(got.opcode === 10 && got.payload[0] === 0);) this.note(got);
    }
    return this;
  }

  // Takes the open packet, if that comes first.
  async open() {
    const first = await this.next();
    this.sid = first && /^0.*"sid":"([\w-]{20})"/.exec(first.payload)?.[1];
    if (first && !this.sid) this.peer.frames.unshift(first);
  }

  // Writes down what comes with time: as much as is expected.
  async wait() {
    for (let got; /^(<|close|end)/.test(this.player.wanted() || '') && (got = await this.next());) this.note(got);
    return this;
  }
}

// A script's hands on one server, the process `pid`. expected: the lines that will be written down, if all is well.
class Player {
  constructor(address, pid, expected) {
    Object.assign(this, { address, pid, expected, lines: [], peers: [] });
  }

  timed() {
    return timed(this.pid);
  }

  note(line) {
    this.lines.push(line);
  }

  wanted() {
    return this.expected[this.lines.length];
  }

  peer() {
    const peer = new RawPeer(this.address);
    this.peers.push(peer);
    return peer;
  }

  // Sends a request on a connection of its own; resolves with the answer, null when there is none.
  async request(method, url, { headers = {}, body, host = 'Host: a\r\n' } = {}) {
    const peer = this.peer();
    const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    peer.say(Buffer.from(`${method} ${url} HTTP/1.1\r\n${host}${lines}${length}\r\n`, 'latin1'), Buffer.from(body || ''));
    const answer = await this.answer(peer, method);
    peer.end();
    return answer;
  }

  // The first answer on a connection; null: it was closed without one.
  async answer(peer, method) {
    const whole = () => parse(peer.got.toString('latin1'), peer.closed, method === 'HEAD');
    const answer = await peer.until(() => whole() || (peer.closed && 'none'), `answer to ${method}`);
    return answer === 'none' ? null : answer;
  }

  // The same, written down: status and body; with `whole` the headers too.
  async ask(method, url, { whole, ...options } = {}) {
    return this.write(await this.request(method, url, options), whole);
  }

  write(answer, whole) {
    const body = answer && masked(Buffer.from(answer.body, 'latin1').toString());
    if (!answer) this.note('no answer');
    else this.note([answer.status, ...(whole ? seen(answer) : []), body].filter((part) => part !== '').join(whole ? ' | ' : ' '));
    return answer;
  }

  url(more = '') {
    return `${this.path || '/socket.io/'}?EIO=4&transport=polling${this.sid ? `&sid=${this.sid}` : ''}${more}`;
  }

  // A session by polling; its open packet is not written down.
  async open() {
    const answer = await this.request('GET', this.url());
    this.sid = JSON.parse(answer.body.slice(1)).sid;
  }
  get(more, options) { return this.ask('GET', this.url(more), options); }
  post(body, options) { return this.ask('POST', this.url(), { body, ...options }); }

  // A GET that waits: what resolves, when it is on its way, writes its answer down.
  async begin(more) {
    const answer = this.request('GET', this.url(more));
    answer.catch(() => {});
    await sleep(150);
    return async () => this.write(await answer);
  }

  // A WebSocket; null when it is refused. Its open packet is not written down, unless `whole`: then the 101's headers
  // are, too. bare: nothing but them. words: what follows the 101 is no WebSocket.
  async websocket({ url = '/socket.io/?EIO=4&transport=websocket', headers = '', sid, whole, bare, words, key = KEY, upgrade = UPGRADE, version = V13 } = {}) {
    const peer = this.peer();
    peer.say(`GET ${url}${sid ? `&sid=${sid}` : ''} HTTP/1.1\r\nHost: a\r\n${upgrade}${key}${version}${headers}\r\n`);
    const answer = await this.answer(peer, 'GET');
    if (!answer || answer.status !== 101) {
      this.write(answer, whole);
      return null;
    }
    peer.got = peer.got.subarray(answer.used);
    if (bare) {
      this.note(['101', ...seen(answer)].join(' | '));
      return null;
    }
    if (words) {
      this.note(`101, then ${(await peer.answer()).split('\r\n')[0]}`);
      return null;
    }
    peer.upgraded = true;
    peer.parse();
    const socket = new WebSocketPeer(this, peer);
    if (whole) this.note(['101', ...seen(answer)].join(' | '));
    else if (!sid) await socket.open();
    return socket;
  }

  // One connection with these messages (texts, binary ones, frames as they are), each when the one before has had its answers.
  async converse(messages, options) {
    const socket = await this.websocket(options);
    for (const message of messages) {
      const piece = Buffer.isBuffer(message) ? frame(2, message) : message.bytes || message;
      await socket.say(piece).hear();
    }
    await socket.say(frame(9, '?')).hear();
  }

  end() {
    this.peers.forEach((peer) => peer.end());
  }
}

module.exports = { Player, sleep };
