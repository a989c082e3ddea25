// reference_http: rows of reference.e2e.js: HTTP requests, polling, the upgrade, heartbeats, CORS, the files for browsers.
// A row: its name, a script, and what both answer; or differs(why, what ours answers, what the reference does). The cases
// of Engine.IO's own suite are among them.
'use strict';
const crypto = require('node:crypto');
const zlib = require('node:zlib');
const { sleep } = require('./both');

const rows = [];
const differs = (why, ours, theirs) => ({ why, ours, theirs });
const row = (name, script, answers, way) => rows.push({ name, script, way, ...(Array.isArray(answers) ? { same: answers } : answers) });

const POLL = '/socket.io/?EIO=4&transport=polling';
const WS = '/socket.io/?EIO=4&transport=websocket';
const open = (upgrades) => `0{"sid":"$","upgrades":[${upgrades}],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100000}`;
const OPEN = open('"websocket"');
const ERROR = ['Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request', 'Forbidden', 'Unsupported protocol version']
  .map((message, code) => JSON.stringify({ code, message }));
const REFUSED = ERROR.map((words) => `400 ${words}`);
const GONE = REFUSED[1];
const OK = '200 ok';
const LOST = '404 Socket.IO is served here, on another path\n';
const TEXT = 'cache-control: no-store | content-type: text/plain; charset=UTF-8';

/* ---- requests without a session ------------------------------------------------------------- */

const asks = (name, method, url, answers, options) => row(name, (p) => p.ask(method, url, options), answers);
const WHOLE = { whole: true };
asks('handshake by polling, with its headers', 'GET', `${POLL}&t=abc`, [`200 | ${TEXT} | ${OPEN}`], WHOLE);
asks('refusal 0, with its headers', 'GET', '/socket.io/?EIO=4', [`400 | content-type: application/json | ${ERROR[0]}`], WHOLE);
asks('refusal 1, with its headers', 'GET', `${POLL}&sid=AAAAAAAAAAAAAAAAAAAA`, [`400 | content-type: application/json | ${ERROR[1]}`], WHOLE);
asks('refusal 2, with its headers', 'POST', POLL, [`400 | content-type: application/json | ${ERROR[2]}`], { body: '4a', whole: true });
asks('refusal 3, with its headers', 'GET', WS, [`400 | content-type: application/json | ${ERROR[3]}`], WHOLE);
asks('refusal 5, with its headers', 'GET', '/socket.io/?transport=polling', [`400 | content-type: application/json | ${ERROR[5]}`], WHOLE);
asks('no transport', 'GET', '/socket.io/?EIO=4', [REFUSED[0]]);
asks('transport abc', 'GET', '/socket.io/?EIO=4&transport=abc', [REFUSED[0]]);
asks('transport in capitals', 'GET', '/socket.io/?EIO=4&transport=POLLING', [REFUSED[0]]);
asks('no EIO', 'GET', '/socket.io/?transport=polling', [REFUSED[5]]);
asks('EIO abc', 'GET', '/socket.io/?EIO=abc&transport=polling', [REFUSED[5]]);
asks('EIO 3', 'GET', '/socket.io/?EIO=3&transport=polling', [REFUSED[5]]);
asks('POST with a sid that nobody has', 'POST', `${POLL}&sid=abc`, [GONE], { body: '4a' });
asks('POST for a WebSocket', 'POST', WS, [REFUSED[2]], { body: '4a' });
asks('PUT without a sid', 'PUT', POLL, [REFUSED[2]], { body: '4a' });
asks('HEAD without a sid', 'HEAD', POLL, ['400']);
asks('OPTIONS without CORS', 'OPTIONS', POLL, [REFUSED[2]]);
asks('a path that goes on behind the slash', 'GET', '/socket.io/more?EIO=4&transport=polling', [`200 ${OPEN}`]);
asks('a letter beyond ASCII in Origin', 'GET', POLL, [`200 ${OPEN}`], { headers: { Origin: 'http://a\xe9' } });
row('words that are no HTTP', async (p) => {
  const peer = p.peer().say('hello there\r\n\r\n');
  p.note((await peer.answer()).split('\r\n')[0]);
}, ['HTTP/1.1 400 Bad Request']);

const WORDS = 'every refusal says why';
asks('the path without its slash', 'GET', '/socket.io?EIO=4&transport=polling', differs(WORDS, [LOST], ['404']));
asks('another path', 'GET', '/elsewhere', differs(WORDS, [LOST], ['404']));
asks('a control character in Origin', 'GET', POLL, differs(WORDS, ['400 malformed HTTP request\n'], ['400']), { headers: { Origin: 'http://a\x01b' } });
asks('no Host', 'GET', POLL, differs(WORDS, ['400 malformed HTTP request\n'], ['400']), { host: '' });
asks('a head of 20,000 bytes', 'GET', POLL, differs(WORDS, ['431 request head over 8 KiB\n'], ['431']), { headers: { X: 'x'.repeat(20000) } });
asks('a head of 9,000 bytes', 'GET', POLL, differs('a head has at most 8 KiB, not 16', ['431 request head over 8 KiB\n'], [`200 ${OPEN}`]), { headers: { X: 'x'.repeat(9000) } });
asks('two Hosts', 'GET', POLL, differs('RFC 9112 3.2: proxies take the one or the other', ['400 malformed HTTP request\n'], [`200 ${OPEN}`]), { headers: { Host: 'b' } });
asks('a GET with a body', 'GET', POLL, differs('RFC 9110 9.3.1: it may be a request in disguise', [REFUSED[3]], [`200 ${OPEN}`]), { body: 'a' });
asks('a query whose words are escaped', 'GET', '/socket.io/?EIO=4&transport=poll%69ng', differs('the query is compared as it stands; no client escapes it', [REFUSED[0]], [`200 ${OPEN}`]));
asks('a query that says transport twice', 'GET', '/socket.io/?EIO=4&transport=abc&transport=polling', differs('of two the first one counts; no client says it twice', [REFUSED[0]], [`200 ${OPEN}`]));
row('JSONP', async (p) => {
  const { body } = await p.request('GET', `${POLL}&j=0`);
  p.note(body.slice(0, 3));
}, differs('it was for browsers without CORS; no client of today asks for it', ['0{"'], ['___']));
row('the connection behind a refusal', async (p) => p.note((await p.request('GET', '/socket.io/?EIO=4')).value('connection')),
  differs('who is refused begins anew', ['close'], ['keep-alive']));

/* ---- upgrades ------------------------------------------------------------------------------- */

const ACCEPT = 'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const SWITCHED = `101 | ${ACCEPT} | upgrade: websocket`;
const upgrade = (name, options, answers, way) => row(`WebSocket: ${name}`, async (p) => { await (await p.websocket(options))?.hear(); }, answers, way);
upgrade('handshake, with its headers', { whole: true }, [SWITCHED, `< ${open('')}`]);
upgrade('permessage-deflate is offered', { headers: 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n', whole: true }, [SWITCHED, `< ${open('')}`]);
upgrade('subprotocols are offered', { headers: 'Sec-WebSocket-Protocol: chat, more\r\n', whole: true }, [`101 | ${ACCEPT} | sec-websocket-protocol: chat | upgrade: websocket`, `< ${open('')}`]);

// With permessage-deflate on.
const AGREED = 'sec-websocket-extensions: permessage-deflate';
const NO_CONTEXT = '; server_no_context_takeover; client_no_context_takeover';
const offer = (words, answers) => upgrade(`the offer ${words}`, { headers: `Sec-WebSocket-Extensions: ${words}\r\n`, bare: true }, answers, 'deflate');
const extended = (parameters) => [`101 | ${ACCEPT} | ${AGREED}${parameters} | upgrade: websocket`];
offer('x-webkit-deflate-frame', [SWITCHED]);
for (const [parameters, answered] of [['', ''], ['; client_max_window_bits', ''], ['; server_max_window_bits=10', '; server_max_window_bits=10']]) {
  offer(`permessage-deflate${parameters}`, differs('one compressed frame is the same for all clients, and an idle one has no window', extended(NO_CONTEXT + answered), extended(answered)));
}
const EXTENSIONS = '400 Invalid or unacceptable Sec-WebSocket-Extensions header';
const PASSED = 'RFC 7692 5.1: an offer that is no good is passed over';
offer('permessage-deflate; server_max_window_bits=7', differs(PASSED, [SWITCHED], [EXTENSIONS]));
offer('permessage-deflate; x, permessage-deflate', differs(PASSED, extended(NO_CONTEXT), [EXTENSIONS]));

const JSONED = 'a refused upgrade is told what a refused GET is';
upgrade('no transport', { url: '/socket.io/?EIO=4', whole: true }, differs(JSONED, [`400 | content-type: application/json | ${ERROR[0]}`], ['400 | content-type: text/html | Transport unknown']));
upgrade('transport abc', { url: '/socket.io/?EIO=4&transport=abc' }, differs(JSONED, [REFUSED[0]], ['400 Transport unknown']));
upgrade('a sid that nobody has', { sid: 'AAAAAAAAAAAAAAAAAAAA' }, differs(JSONED, [GONE], ['400 Session ID unknown']));
upgrade('to h2c', { upgrade: 'Upgrade: h2c\r\nConnection: Upgrade\r\n' }, differs(JSONED, [REFUSED[3]], ['400 Invalid Upgrade header']));
upgrade('transport polling', { url: POLL }, differs('refused before 101, not closed behind it', [REFUSED[3]], ['close 1005', 'end']));
const KEYS = 'the words are our own';
upgrade('no key', { key: '' }, differs(KEYS, ['400 Sec-WebSocket-Key must be sixteen bytes in base64\n'], ['400 Missing or invalid Sec-WebSocket-Key header']));
upgrade('a short key', { key: 'Sec-WebSocket-Key: abcd\r\n' }, differs(KEYS, ['400 Sec-WebSocket-Key must be sixteen bytes in base64\n'], ['400 Missing or invalid Sec-WebSocket-Key header']));
const VERSION = 'RFC 6455 4.4: 426, and which version it is';
const MUST_BE_13 = '426 Sec-WebSocket-Version must be 13\n';
upgrade('no version', { version: '' }, differs(VERSION, [MUST_BE_13], ['400 Missing or invalid Sec-WebSocket-Version header']));
upgrade('version 99', { version: 'Sec-WebSocket-Version: 99\r\n', whole: true },
  differs(VERSION, ['426 | content-type: text/plain; charset=UTF-8 | sec-websocket-version: 13 | upgrade: websocket | Sec-WebSocket-Version must be 13\n'],
    ['400 | content-type: text/html | sec-websocket-version: 13, 8 | Missing or invalid Sec-WebSocket-Version header']));
upgrade('version 8', { version: 'Sec-WebSocket-Version: 8\r\n' }, differs('a draft of before 2011', [MUST_BE_13], []));
upgrade('a path that is nobody\'s', { url: '/elsewhere/' }, differs('404 at once, not the end of the connection a second later', [LOST], ['no answer']));
for (const [name, query] of [['no EIO', ''], ['EIO abc', 'EIO=abc&'], ['EIO 3', 'EIO=3&']]) {
  upgrade(name, { url: `/socket.io/?${query}transport=websocket`, words: true },
    differs('refused before 101; the reference writes an HTTP answer into the WebSocket', [REFUSED[5]], ['101, then HTTP/1.1 400 Bad Request']));
}

/* ---- polling -------------------------------------------------------------------------------- */

const polled = (name, script, answers, way) => row(`polling: ${name}`, async (p) => { await p.open(); await script(p); }, answers, way);
const bare = (name, script, answers) => row(`Engine.IO alone: ${name}`, async (p) => { p.path = '/engine.io/'; await p.open(); await script(p); }, answers);
const echo = (name, said, back) => bare(name, async (p) => { await p.post(said); await p.get(); }, [OK, `200 ${back || said}`]);
const BASE64 = 'base64 is taken as RFC 4648 has it, whole and with its filling';

polled('POST is ok, with its headers', (p) => p.post('40', WHOLE), ['200 | cache-control: no-store | content-type: text/html | ok']);
polled('the answer to CONNECT and `auth` in one GET, with its headers', async (p) => { await p.post('40'); await p.get('', WHOLE); }, [OK, `200 | ${TEXT} | 40{"sid":"$"}\x1e42["auth",{}]`]);
polled('a binary event and its answer', async (p) => {
  await p.post('40');
  await p.get();
  await p.post('452-7["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAQID\x1ebBAUG');
  await p.get();
}, [OK, '200 40{"sid":"$"}\x1e42["auth",{}]', OK, '200 462-7[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]\x1ebAQID\x1ebBAUG']);
echo('three messages in one POST come back in one GET', '4test1\x1e4test2\x1e4test3');
echo('binary', '4hello\x1ebAQIDBA==');
echo('a message that is not ASCII', '4é✓😀');
echo('an empty message', '4');
echo('binary of nothing', 'b');
bare('binary without its filling', async (p) => { await p.post('bAQIDBA'); await p.get(); }, differs(BASE64, [REFUSED[3], GONE], [OK, '200 bAQIDBA==']));
bare('a GET that waits', async (p) => { const took = await p.begin(); await p.post('4now'); await took(); }, [OK, '200 4now']);
bare('text/plain, as the client says it', async (p) => { await p.post('4a', { headers: { 'Content-Type': 'text/plain;charset=UTF-8' } }); await p.get(); }, [OK, '200 4a']);
bare('a POST in chunks', async (p) => {
  const peer = p.peer().say(`POST ${p.url()} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4h\r\n4\r\nello\r\n0\r\n\r\n`);
  await peer.until(() => peer.got.includes('ok'), 'ok');
  await p.get();
}, ['200 4hello']);
bare('a POST and its GET, one behind the other on one connection', async (p) => {
  const peer = p.peer().say(`POST ${p.url()} HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n4helloGET ${p.url()} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await peer.until(() => peer.got.toString().endsWith('4hello'), 'both answers');
  p.note(peer.got.toString().match(/HTTP\/1.1 \d+/g).join());
}, ['HTTP/1.1 200,HTTP/1.1 200']);
polled('noop, open and upgrade mean nothing', async (p) => { await p.post('6\x1e0\x1e5'); await p.post('40'); await p.get(); }, [OK, OK, '200 40{"sid":"$"}\x1e42["auth",{}]']);
polled('a pong that nobody asked for', async (p) => { await p.post('3'); await p.post('40'); await p.get(); }, [OK, OK, '200 40{"sid":"$"}\x1e42["auth",{}]']);
polled('the client closes while a GET waits', async (p) => { const took = await p.begin(); await p.post('1'); await took(); await p.get(); }, [OK, '200 6', GONE]);
polled('the client closes', async (p) => { await p.post('1'); await p.get(); }, [OK, GONE]);
polled('what stands behind the client\'s close', async (p) => { await p.post('1\x1eabc'); await p.get(); }, [OK, GONE]);
polled('a session of polling asked for as a WebSocket, without an upgrade', async (p) => { await p.ask('GET', `${WS}&sid=${p.sid}`); await p.post('3'); }, [REFUSED[3], OK]);
polled('a session of EIO 4 asked for as EIO 3', async (p) => { await p.ask('GET', `/socket.io/?EIO=3&transport=polling&sid=${p.sid}`); await p.post('3'); }, [REFUSED[3], OK]);
polled('a session of EIO 4 asked for without EIO', (p) => p.ask('POST', `/socket.io/?transport=polling&sid=${p.sid}`, { body: '3' }), [REFUSED[3]]);
row('a WebSocket\'s session, polled', async (p) => {
  const { sid } = await p.websocket();
  await p.ask('GET', `${POLL}&sid=${sid}`);
}, differs('a session that never polled has no entry where polling looks', [GONE], [REFUSED[3]]));

const abandoned = (request) => async (p) => { p.peer().say(request(p)); await sleep(200); p.end(); await sleep(200); await p.get(); };
polled('an abandoned GET', abandoned((p) => `GET ${p.url()} HTTP/1.1\r\nHost: a\r\n\r\n`), [GONE]);
polled('an abandoned POST', abandoned((p) => `POST ${p.url()} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4`), [GONE]);
polled('no CONNECT in time while a GET waits', async (p) => { const took = await p.begin(); await took(); await p.get(); }, ['200 1', GONE], 'hasty');

const BAD = 'a POST that ends its session is not ok';
const ENDED = [REFUSED[3], GONE];
polled('a bad packet', async (p) => { await p.post('abc'); await p.get(); }, differs(BAD, ENDED, [OK, GONE]));
polled('an empty POST', async (p) => { await p.post(''); await p.get(); }, differs(BAD, ENDED, [OK, GONE]));
polled('a bad packet behind a good one', async (p) => { await p.post('40\x1eabc'); await p.get(); }, differs(BAD, ENDED, [OK, GONE]));
polled('a ping from the client', async (p) => { await p.post('2'); await p.get(); }, differs(BAD, ENDED, [OK, GONE]));
polled('a bad Socket.IO packet', async (p) => { await p.post('42{}'); await p.get(); }, differs(BAD, ENDED, [OK, '200 6\x1e1']));
polled('a bad Socket.IO packet while a GET waits', async (p) => { const took = await p.begin(); await p.post('42{}'); await took(); await p.get(); }, differs(BAD, [REFUSED[3], '200 1', GONE], [OK, '200 1', GONE]));
polled('base64 that is none', async (p) => { await p.post('b***'); await p.get(); }, differs(BASE64, ENDED, [OK, '200 6\x1e1']));
polled('a body that is not UTF-8', async (p) => { await p.post(Buffer.from([0x34, 0xff, 0xfe])); await p.get(); }, differs('a text is UTF-8, and is not changed on the way', ENDED, [OK, '200 6\x1e1']));
polled('a body over the limit', async (p) => { await p.post(`4${'x'.repeat(100000)}`); await p.post('3'); }, differs(WORDS, ['413 body over the limit\n', OK], ['413', OK]));
polled('application/octet-stream', async (p) => { await p.post('4a', { headers: { 'Content-Type': 'application/octet-stream' } }); await p.get(); }, differs(WORDS, ENDED, ['400', GONE]));
polled('two GETs at once', async (p) => { const took = await p.begin(); await p.get(); await took(); await p.get(); }, differs(WORDS, [REFUSED[3], '200 1', GONE], ['400', '200 1', GONE]));
polled('two POSTs at once', async (p) => {
  p.peer().say(`POST ${p.url()} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4`);
  await sleep(40);
  await p.post('3');
  await p.get();
}, differs(WORDS, ENDED, ['400', GONE]));
polled('PUT', async (p) => { await p.ask('PUT', p.url(), { body: '4a' }); await p.post('3'); }, differs('the mistake is the client\'s', [REFUSED[2], OK], ['500', OK]));

/* ---- the upgrade ---------------------------------------------------------------------------- */

const probe = (p) => p.websocket({ url: '/engine.io/?EIO=4&transport=websocket', sid: p.sid });
bare('the upgrade', async (p) => {
  const socket = await probe(p);
  await socket.say('2probe').hear();
  await p.get();
  await socket.say('5').hear();
  await p.get();
  await p.post('4a');
  await socket.say('4hello').hear();
  await (await probe(p)).hear();
  await socket.say('4still here').hear();
}, ['< 3probe', '200 6', REFUSED[3], REFUSED[3], '< 4hello', 'close 1005', 'end', '< 4still here']);
bare('the upgrade while a GET waits', async (p) => {
  const took = await p.begin();
  const socket = await probe(p);
  await socket.say('2probe').hear();
  await took();
  await socket.say('5', '4hello').hear();
}, ['< 3probe', '200 6', '< 4hello']);
bare('messages wait through the upgrade', async (p) => {
  const socket = await probe(p);
  await p.post('4a\x1e4b');
  await socket.say('2probe').hear();
  await socket.say('5').hear();
}, [OK, '< 3probe', '< 4a', '< 4b']);
for (const [name, word] of [['another word', '2abc'], ['a message', '4a']]) {
  bare(`a probe that says ${name}`, async (p) => {
    await (await probe(p)).say(word).hear();
    await p.post('4a');
    await p.get();
  }, ['close 1005', 'end', OK, '200 4a']);
}
bare('two probes at once', async (p) => {
  const [one, two] = [await probe(p), await probe(p)];
  await two.hear();
  await one.say('2probe').hear();
}, ['close 1005', 'end', '< 3probe']);
bare('a probe that leaves', async (p) => {
  const socket = await probe(p);
  await socket.say('2probe').hear();
  socket.peer.end();
  await sleep(150);
  await p.post('4a');
  await p.get();
}, ['< 3probe', OK, '200 4a']);
bare('a probe that says 5 and nothing before', async (p) => { await (await probe(p)).say('5', '4hello').hear(); },
  differs('a way is not taken that was not tried', ['close 1005', 'end'], ['< 4hello']));

/* ---- heartbeats ----------------------------------------------------------------------------- */

// low: ms from the latest that came before it can have begun; high: from the earliest behind that.
const since = (p, what, before, low, behind, high) => {
  const [most, least] = [before(), behind()];
  p.note(`${what} ${most.ms >= low && least.ms - least.busy < high ? 'in time' : `after ${least.ms} to ${most.ms} ms, ${least.busy} of them kept waiting`}`);
};
polled('ping, pong, and silence', async (p) => {
  await p.get();
  await sleep(60); // the next ping counts from the pong, not from the ping before
  const before = p.timed();
  await p.post('3');
  const behind = p.timed();
  await p.get();
  since(p, 'the next ping', before, 290, behind, 400);
  await sleep(230);
  await p.get();
}, ['200 2', OK, '200 2', 'the next ping in time', GONE], 'brisk');
polled('no pong with no GET at all', async (p) => { await sleep(540); await p.get(); }, [GONE], 'brisk');
polled('no pong while a GET waits', async (p) => { await p.get(); await p.get(); await p.get(); },
  differs('a GET that waits is told what one a moment later would be', ['200 2', REFUSED[3], GONE], ['200 2', '200 1', GONE]), 'brisk');
row('WebSocket: ping, pong, and silence', async (p) => {
  let before = p.timed();
  const socket = await p.websocket();
  let behind = p.timed();
  socket.note(await socket.next());
  since(p, 'the ping', before, 290, behind, 400);
  before = behind = p.timed();
  socket.say('3');
  await socket.wait();
  since(p, 'the next ping and the end', before, 490, behind, 640);
}, ['< 2', 'the ping in time', '< 2', 'close 1005', 'end', 'the next ping and the end in time'], 'brisk');
row('WebSocket: any packet puts the pong off, once', async (p) => {
  const before = p.timed();
  const socket = await p.websocket();
  socket.note(await socket.next()); // 300 ms from its beginning
  const behind = p.timed();
  await sleep(120);
  await socket.say('6').wait();
  since(p, 'the end', before, 590, behind, 420);
}, ['< 2', 'close 1005', 'end', 'the end in time'], 'brisk');

/* ---- CORS ----------------------------------------------------------------------------------- */

const PAGE = { Origin: 'http://page.example' };
const METHODS = 'access-control-allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE';
for (const [way, origin, vary, varies] of [
  ['any', 'access-control-allow-origin: *', '', 'vary: Access-Control-Request-Headers'],
  ['one', 'access-control-allow-origin: http://page.example', 'vary: Origin | ', 'vary: Access-Control-Request-Headers, Origin'],
]) {
  const cors = (name, script, answers) => row(`CORS, ${way === 'any' ? 'any origin' : 'one origin'}: ${name}`, script, answers, way);
  const OTHER = { Origin: 'http://other.example' };
  cors('handshake', (p) => p.ask('GET', POLL, { headers: PAGE, whole: true }), [`200 | ${origin} | ${TEXT} | ${vary}${OPEN}`]);
  cors('handshake from another page', (p) => p.ask('GET', POLL, { headers: OTHER, whole: true }), [`200 | ${origin} | ${TEXT} | ${vary}${OPEN}`]);
  cors('a refusal', (p) => p.ask('GET', '/socket.io/?EIO=4', { headers: PAGE, whole: true }), [`400 | ${origin} | content-type: application/json | ${vary}${ERROR[0]}`]);
  cors('POST', async (p) => { await p.open(); await p.post('40', { headers: PAGE, whole: true }); }, [`200 | ${origin} | cache-control: no-store | content-type: text/html | ${vary}ok`]);
  cors('WebSocket', async (p) => { await p.websocket({ headers: 'Origin: http://page.example\r\n', whole: true }); }, [`101 | ${origin} | ${ACCEPT} | upgrade: websocket${vary && ' | vary: Origin'}`]);
  cors('preflight', (p) => p.ask('OPTIONS', POLL, { headers: { ...PAGE, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-a, x-b' }, whole: true }),
    [`204 | access-control-allow-headers: x-a, x-b | ${METHODS} | ${origin} | ${varies}`]);
  cors('preflight that asks for no header', (p) => p.ask('OPTIONS', POLL, { headers: { ...PAGE, 'Access-Control-Request-Method': 'POST' }, whole: true }), [`204 | ${METHODS} | ${origin} | ${varies}`]);
  cors('the client for browsers', async (p) => p.note((await p.request('HEAD', '/socket.io/socket.io.min.js', { headers: PAGE })).headers.filter((line) => /^access/.test(line)).join(' | ')), [origin]);
}

/* ---- who may connect at all ----------------------------------------------------------------- */

const FORBIDDEN = `403 ${ERROR[4]}`;
const REFUSE = '/socket.io/?refuse&EIO=4&transport=';
const WHY = JSON.stringify({ code: 4, message: 'you said "refuse"' });
asks('the application refuses, with its headers', 'GET', `${REFUSE}polling`, [`403 | content-type: application/json | ${WHY}`], WHOLE);
asks('the application refuses Engine.IO alone', 'GET', '/engine.io/?refuse&EIO=4&transport=polling', [`403 ${WHY}`]);
asks('the application refuses, but the session is not there', 'GET', `${REFUSE}polling&sid=abc`, [GONE]);
polled('who is in is not asked again', async (p) => { await p.ask('POST', `${REFUSE}polling&sid=${p.sid}`, { body: '3' }); }, [OK]);
upgrade('the application refuses', { url: `${REFUSE}websocket`, whole: true }, differs(JSONED, [`403 | content-type: application/json | ${WHY}`], ['400 | content-type: text/html | you said "refuse"']));
asks('the application refuses an old protocol', 'GET', '/socket.io/?refuse&EIO=3&transport=polling', differs('the application is asked last, of what could be served', [REFUSED[5]], [`403 ${WHY}`]));

const listed = (name, script, answers) => row(`origins listed: ${name}`, script, answers, 'listed');
const FROM = (name) => ({ headers: { Origin: `http://${name}.example` } });
const NAMED = (name) => `access-control-allow-origin: http://${name}.example`;
for (const name of ['page', 'app']) listed(`a handshake of ${name}'s`, (p) => p.ask('GET', POLL, { ...FROM(name), whole: true }), [`200 | ${NAMED(name)} | ${TEXT} | vary: Origin | ${OPEN}`]);
listed('a handshake without an origin', (p) => p.ask('GET', POLL, WHOLE), [`200 | ${TEXT} | vary: Origin | ${OPEN}`]);
listed('a handshake of another\'s', (p) => p.ask('GET', POLL, { ...FROM('other'), whole: true }), [`403 | content-type: application/json | vary: Origin | ${ERROR[4]}`]);
listed('a handshake of a file', (p) => p.ask('GET', POLL, { headers: { Origin: 'null' } }), [FORBIDDEN]);
listed('a handshake of an old protocol of another\'s', (p) => p.ask('GET', '/socket.io/?EIO=3&transport=polling', FROM('other')), [FORBIDDEN]);
listed('a POST without a session of another\'s', (p) => p.ask('POST', POLL, { ...FROM('other'), body: '4a' }), [REFUSED[2]]);
listed('a WebSocket without an upgrade of another\'s', (p) => p.ask('GET', WS, FROM('other')), [REFUSED[3]]);
listed('a session of another\'s, once it has its id', async (p) => { await p.open(); await p.post('40', { ...FROM('other'), whole: true }); }, ['200 | cache-control: no-store | content-type: text/html | vary: Origin | ok']);
listed('a WebSocket of page\'s', (p) => p.websocket({ headers: 'Origin: http://page.example\r\n', bare: true }), [`101 | ${NAMED('page')} | ${ACCEPT} | upgrade: websocket | vary: Origin`]);
listed('a WebSocket of another\'s', (p) => p.websocket({ headers: 'Origin: http://other.example\r\n' }), differs(JSONED, [FORBIDDEN], ['400 Forbidden']));
listed('an upgrade of another\'s, once it has its id', async (p) => { await p.open(); await p.websocket({ sid: p.sid, headers: 'Origin: http://other.example\r\n', bare: true }); },
  [`101 | ${ACCEPT} | upgrade: websocket | vary: Origin`]);
const ASKS = { 'Access-Control-Request-Method': 'POST' };
const MAY = 'vary: Access-Control-Request-Headers, Origin';
listed('a preflight of app\'s', (p) => p.ask('OPTIONS', POLL, { headers: { ...FROM('app').headers, ...ASKS }, whole: true }), [`204 | ${METHODS} | ${NAMED('app')} | ${MAY}`]);
listed('a preflight of another\'s', (p) => p.ask('OPTIONS', POLL, { headers: { ...FROM('other').headers, ...ASKS }, whole: true }), [`204 | ${METHODS} | ${MAY}`]);
listed('the client for browsers', async (p) => p.note((await p.request('HEAD', '/socket.io/socket.io.min.js', FROM('app'))).headers.filter((line) => /^access/.test(line)).join(' | ')), [NAMED('app')]);

/* ---- the client for browsers ---------------------------------------------------------------- */

const CLIENT = '/socket.io/socket.io.min.js';
const digest = (body) => crypto.createHash('sha256').update(Buffer.from(body, 'latin1')).digest('hex').slice(0, 12);
const CACHED = 'cache-control: public, max-age=0';
const about = ({ status, headers, body }) => [status, ...headers.filter((line) => /^(content-type|cache-control|etag)/.test(line)), `${body.length} bytes`, digest(body)].join(' | ');
const file = (name, type, size, sum) => row(`/socket.io/${name}`, async (p) => p.note(about(await p.request('GET', `/socket.io/${name}`))),
  [`200 | ${CACHED} | content-type: application/${type}; charset=utf-8 | etag: "4.8.4" | ${size} bytes | ${sum}`]);
file('socket.io.js', 'javascript', 153519, 'e135466dffd9');
file('socket.io.js.map', 'json', 307898, 'cfce7ead2085');
file('socket.io.min.js', 'javascript', 47295, 'd5d79a35039e');
file('socket.io.min.js.map', 'json', 194361, 'f3bb40c9acac');
file('socket.io.esm.min.js', 'javascript', 40759, '771c3872e7d9');
file('socket.io.esm.min.js.map', 'json', 191545, 'c9d398fa2ec6');
file('socket.io.msgpack.min.js', 'javascript', 50630, '6b70101fcbb8');
file('socket.io.msgpack.min.js.map', 'json', 205108, '77165466ad50');
const status = (name, options, answers, method = 'GET') => row(name, async (p) => p.note(String((await p.request(method, CLIENT, options)).status)), answers);
const knows = (tag) => ({ headers: { 'If-None-Match': tag } });
status('the client that a browser has', knows('"4.8.4"'), ['304']);
status('the client that a proxy changed', knows('W/"4.8.4"'), ['304']);
status('the client of another version', knows('"4.8.3"'), ['200']);
status('several versions that a browser has', knows('"4.8.3", "4.8.4"'), differs('RFC 9110 13.1.2: it is a list', ['304'], ['200']));
status('POST to the client', { body: 'a' }, differs('a file is read, not written to', ['400'], ['200']), 'POST');
asks('a file that is none of the eight', 'GET', '/socket.io/socket.io.slim.js', [REFUSED[0]]);
/* ---- compression ---------------------------------------------------------------------------- */

// What a client that takes these codings gets, and what is in it.
const coded = async (p, url, codings) => {
  const { status: code, value, body } = await p.request('GET', url, { headers: { 'Accept-Encoding': codings } });
  const coding = value('content-encoding');
  const raw = Buffer.from(body, 'latin1');
  const inside = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync, br: zlib.brotliDecompressSync }[coding]?.(raw) || raw;
  p.note(`${code} ${coding} ${inside.length} bytes`);
  return { raw, value };
};
const large = async (p, codings) => { await p.post(`4${'x'.repeat(3000)}`); await coded(p, p.url(), codings); };
bare('a large message, for who takes gzip', (p) => large(p, 'gzip, deflate'), [OK, '200 gzip 3001 bytes']);
bare('a large message, for who takes nothing', (p) => large(p, 'identity'), [OK, '200 undefined 3001 bytes']);
bare('a large message, for who never takes gzip', (p) => large(p, 'gzip;q=0'), [OK, '200 undefined 3001 bytes']);
bare('a small message, for who takes gzip', async (p) => { await p.post('4a'); await coded(p, p.url(), 'gzip'); }, [OK, '200 undefined 2 bytes']);
bare('a large message, for who takes deflate alone', (p) => large(p, 'deflate'), differs('all clients that take any take gzip', [OK, '200 undefined 3001 bytes'], [OK, '200 deflate 3001 bytes']));
row('the client by gzip', (p) => coded(p, CLIENT, 'gzip'), ['200 gzip 47295 bytes']);
row('the client, as browsers ask for it', (p) => coded(p, CLIENT, 'gzip, deflate, br'), ['200 gzip 47295 bytes']);
row('the client, for who takes br alone', (p) => coded(p, CLIENT, 'br'), differs('gzip alone, made once and not for each request', ['200 undefined 47295 bytes'], ['200 br 47295 bytes']));
row('the client by gzip, its tag', async (p) => {
  const { value } = await coded(p, CLIENT, 'gzip');
  p.note(`${value('etag')}, vary ${value('vary')}`);
}, differs('RFC 9110 8.8.3: two bodies, two tags', ['200 gzip 47295 bytes', '"4.8.4-gzip", vary Accept-Encoding'], ['200 gzip 47295 bytes', '"4.8.4", vary undefined']));

/* ---- the files' headers --------------------------------------------------------------------- */

asks('the client, all its headers', 'HEAD', CLIENT, differs('a browser may not guess types, and a cache must know of gzip',
  [`200 | ${CACHED} | content-type: application/javascript; charset=utf-8 | etag: "4.8.4" | vary: Accept-Encoding | x-content-type-options: nosniff`],
  [`200 | ${CACHED} | content-type: application/javascript; charset=utf-8 | etag: "4.8.4"`]), WHOLE);
asks('304, all its headers', 'GET', CLIENT, differs('RFC 9110 15.4.5: those that 200 would have', [`304 | ${CACHED} | etag: "4.8.4" | vary: Accept-Encoding | x-content-type-options: nosniff`], ['304']), { ...knows('"4.8.4"'), whole: true });

module.exports = rows;
