// reference_packets: rows of reference.e2e.js: WebSocket frames, Engine.IO's and Socket.IO's packets, the msgpack parser.
// A row: its name, what is said, and what both answer; or differs(why, what ours answers, what the reference does). The
// cases of the protocols' own suites and all that Socket.IO's parsers refuse are among them.
'use strict';
const { frame, text, close } = require('./raw_peer');

const rows = [];
const differs = (why, ours, theirs) => ({ why, ours, theirs });
const says = (answers, shape) => (Array.isArray(answers) ? { same: shape(answers) } : { ...answers, ours: shape(answers.ours), theirs: shape(answers.theirs) });
const plain = (lines) => lines;

const END = ['close 1005', 'end'];
const ALIVE = '< pong ?'; // each conversation ends in a ping

/* ---- WebSocket ------------------------------------------------------------------------------ */

const ENGINE = { url: '/engine.io/?EIO=4&transport=websocket' };
const talk = (name, messages, answers, options = {}, shape = plain) => rows.push({ name, way: options.way, script: (p) => p.converse(messages, options), ...says(answers, shape) });
const frames = (name, list, answers) => talk(`frames: ${name}`, [{ bytes: Buffer.concat(list) }], answers, ENGINE);

frames('a message in three fragments, a ping between', [text('4a', { fin: false }), frame(9, 'p'), frame(0, 'b', { fin: false }), frame(0, 'c')], ['< pong p', '< 4abc', ALIVE]);
frames('binary in two fragments', [frame(2, Buffer.from([1]), { fin: false }), frame(0, Buffer.from([2]))], ['<< 0102', ALIVE]);
frames('a ping with words', [frame(9, 'hello')], ['< pong hello', ALIVE]);
frames('a pong that nobody asked for', [frame(10, 'hello')], [ALIVE]);
frames('a message of 100,000 bytes', [text(`4${'x'.repeat(99999)}`)], ['< 4xxxxxxxxxxxxxxxxxxx... of 100000', ALIVE]);
for (const [name, code, list] of [
  ['close 1000 is given back', 1000, [close(1000, 'bye')]],
  ['close 4000 is given back', 4000, [close(4000, 'bye')]],
  ['close without a code', 1005, [frame(8, '')]],
  ['close of one byte', 1002, [frame(8, 'a')]],
  ['close code 1005', 1002, [close(1005)]],
  ['close code 5000', 1002, [close(5000)]],
  ['close with a reason that is no UTF-8', 1007, [frame(8, Buffer.from([3, 232, 0xff]))]],
  ['unmasked', 1002, [text('4a', { mask: null })]],
  ['reserved bit 1', 1002, [text('4a', { rsv: 4 })]],
  ['reserved bit 2', 1002, [text('4a', { rsv: 2 })]],
  ['reserved bit 3', 1002, [text('4a', { rsv: 1 })]],
  ['opcode 3', 1002, [frame(3, 'a')]],
  ['opcode 11', 1002, [frame(11, 'a')]],
  ['a ping in fragments', 1002, [frame(9, 'a', { fin: false })]],
  ['a ping of 126 bytes', 1002, [frame(9, 'x'.repeat(126))]],
  ['a continuation of nothing', 1002, [frame(0, 'a')]],
  ['a text inside a text', 1002, [text('4', { fin: false }), text('4a')]],
  ['a length of 2^62', 1009, [frame(2, Buffer.alloc(10), { form: 8, length: 2n ** 62n })]],
  ['a message of 100,001 bytes', 1009, [text(`4${'x'.repeat(100000)}`)]],
  ['a message of 100,001 bytes in fragments', 1009, [text(`4${'x'.repeat(60000)}`, { fin: false }), frame(0, 'x'.repeat(40000))]],
  ['text that is not UTF-8', 1007, [frame(1, Buffer.from([0x34, 0xff]))]],
  ['text with a surrogate', 1007, [frame(1, Buffer.from([0x34, 0xed, 0xa0, 0x80]))]],
  ['a character cut by the end', 1007, [frame(1, '4', { fin: false }), frame(0, Buffer.from([0xc3]))]],
]) frames(name, list, [`close ${code}`, 'end']);
frames('a length of 2 bytes for 3', [text('4ab', { form: 2 })],
  differs('RFC 6455 5.2: a length has one form, the shortest', ['close 1002', 'end'], ['< 4ab', ALIVE]));

/* ---- Engine.IO in a WebSocket --------------------------------------------------------------- */

const engine = (name, messages, answers) => talk(`Engine.IO over WebSocket: ${name}`, messages, answers, ENGINE);
engine('a message', ['4hello'], ['< 4hello', ALIVE]);
engine('binary', [Buffer.from([1, 2, 3, 4])], ['<< 01020304', ALIVE]);
engine('an empty message', ['4'], ['< 4', ALIVE]);
engine('an empty binary message', [Buffer.alloc(0)], ['<< ', ALIVE]);
engine('base64 in a text', ['bAQIDBA=='], ['<< 01020304', ALIVE]);
engine('a pong that nobody asked for', ['3', '4a'], ['< 4a', ALIVE]);
engine('open, upgrade and noop mean nothing here', ['0', '5', '6', '4a'], ['< 4a', ALIVE]);
for (const [name, message] of Object.entries({ abc: 'abc', 'a type that nobody knows': '7', 'an empty text': '', 'a ping from the client': '2', 'a probe outside an upgrade': '2probe' })) {
  engine(name, [message], END);
}
engine('base64 that is none', ['b***'], differs('base64 is taken as RFC 4648 has it, whole and with its filling', END, ['<< ', ALIVE]));
engine('close', ['1'], differs('a client that says goodbye has its connection closed at once, not when it falls silent', END, [ALIVE]));

/* ---- Socket.IO ------------------------------------------------------------------------------ */

const HELD = (n) => `{"_placeholder":true,"num":${n}}`;
const BYTES = (...list) => Buffer.from(list);
const CONNECTED = ['< 40{"sid":"$"}', '< 42["auth",{}]'];
const CUSTOM = ['< 40/custom,{"sid":"$"}', '< 42/custom,["auth",{}]'];

const sio = (name, messages, answers) => talk(`Socket.IO: ${name}`, messages, answers);
sio('CONNECT', ['40'], [...CONNECTED, ALIVE]);
sio('CONNECT with a payload', ['40{"token":"123"}'], ['< 40{"sid":"$"}', '< 42["auth",{"token":"123"}]', ALIVE]);
sio('CONNECT with a payload that is empty', ['40{}'], [...CONNECTED, ALIVE]);
sio('CONNECT to / by name', ['40/,'], [...CONNECTED, ALIVE]);
sio('CONNECT with an id and no payload', ['401'], [...CONNECTED, ALIVE]);
sio('CONNECT to another namespace', ['40/custom,'], [...CUSTOM, ALIVE]);
sio('CONNECT to another namespace with a payload', ['40/custom,{"token":"abc"}'], ['< 40/custom,{"sid":"$"}', '< 42/custom,["auth",{"token":"abc"}]', ALIVE]);
sio('CONNECT to another namespace without its comma', ['40/custom'], [...CUSTOM, ALIVE]);
sio('CONNECT to a namespace with a query', ['40/custom?a=b,'], ['< 44/custom?a=b,{"message":"Invalid namespace"}', ALIVE]);
sio('a namespace that is none', ['40/random'], ['< 44/random,{"message":"Invalid namespace"}', ALIVE]);
sio('a namespace that is none, with a payload', ['40/random,{"a":1}', '40'], ['< 44/random,{"message":"Invalid namespace"}', ...CONNECTED, ALIVE]);
sio('two namespaces on one connection', ['40', '40/custom,', '42["message",1]', '42/custom,["message",2]', '41/custom,', '42["message",3]'],
  [...CONNECTED, ...CUSTOM, '< 42["message-back",1]', '< 42/custom,["message-back",2]', '< 42["message-back",3]', ALIVE]);
sio('leaving another namespace without its comma', ['40/custom', '41/custom', '40'], [...CUSTOM, ...CONNECTED, ALIVE]);
sio('an event in another namespace', ['40/custom,', '42/custom,["message",1,"2",{"3":[false]}]'], [...CUSTOM, '< 42/custom,["message-back",1,"2",{"3":[false]}]', ALIVE]);
sio('an answer in another namespace', ['40/custom,', '42/custom,7["message-with-ack",1]'], [...CUSTOM, '< 43/custom,7[1]', ALIVE]);

// Behind a CONNECT to / and its answer.
const joined = (name, messages, answers) => talk(`Socket.IO: ${name}`, ['40', ...messages], answers, {}, (lines) => [...CONNECTED, ...lines]);
joined('an event and its echo', ['42["message",1,"2",{"3":[true]}]'], ['< 42["message-back",1,"2",{"3":[true]}]', ALIVE]);
joined('an event that wants an answer', ['42456["message-with-ack",1,"2",{"3":[false]}]'], ['< 43456[1,"2",{"3":[false]}]', ALIVE]);
joined('ack id 0', ['420["message-with-ack",1]'], ['< 430[1]', ALIVE]);
joined('ack id 2^53', ['429007199254740992["message-with-ack",1]'], ['< 439007199254740992[1]', ALIVE]);
joined('an answer of nothing', ['421["message-with-ack"]'], ['< 431[]', ALIVE]);
joined('an event that nobody listens to', ['42["other",1]'], [ALIVE]);
joined('an event that nobody listens to, that wants an answer', ['421["other",1]'], [ALIVE]);
joined('a name that is a number', ['42[7]'], [ALIVE]);
joined('an answer that nobody awaits', ['437[1]'], [ALIVE]);
joined('CONNECT anew after leaving', ['41', '40'], [...CONNECTED, ALIVE]);
joined('after leaving nothing comes', ['41'], [ALIVE]);
joined('a binary event', [`452-["message",${HELD(0)},${HELD(1)}]`, BYTES(1, 2, 3), BYTES(4, 5, 6)],
  [`< 452-["message-back",${HELD(0)},${HELD(1)}]`, '<< 010203', '<< 040506', ALIVE]);
joined('a binary event that wants an answer', [`452-789["message-with-ack",${HELD(0)},${HELD(1)}]`, BYTES(1, 2, 3), BYTES(4, 5, 6)],
  [`< 462-789[${HELD(0)},${HELD(1)}]`, '<< 010203', '<< 040506', ALIVE]);
joined('binary inside objects', [`451-["message",{"a":[{"b":${HELD(0)}}]}]`, BYTES(1)], [`< 451-["message-back",{"a":[{"b":${HELD(0)}}]}]`, '<< 01', ALIVE]);
joined('placeholders in another order', [`452-["message",${HELD(1)},${HELD(0)}]`, BYTES(1), BYTES(2)], [`< 452-["message-back",${HELD(0)},${HELD(1)}]`, '<< 02', '<< 01', ALIVE]);
joined('an attachment without a placeholder', ['451-["message"]', BYTES(1)], ['< 42["message-back"]', ALIVE]);
joined('a placeholder in an event that has no attachments', [`42["message",${HELD(0)}]`], [`< 42["message-back",${HELD(0)}]`, ALIVE]);
joined('a map that says _placeholder: false', ['42["message",{"_placeholder":false}]'], ['< 42["message-back",{"_placeholder":false}]', ALIVE]);
const TEN = Array.from({ length: 10 }, (_, i) => i);
joined('ten attachments', [`4510-["message",${TEN.map(HELD)}]`, ...TEN.map((i) => BYTES(i))], [`< 4510-["message-back",${TEN.map(HELD)}]`, ...TEN.map((i) => `<< 0${i}`), ALIVE]);
joined('a space inside the array', ['42[ "message", 1 ]'], ['< 42["message-back",1]', ALIVE]);
joined('NUL in a text', ['42["message","\\u0000"]'], ['< 42["message-back","\\u0000"]', ALIVE]);
joined('an escaped slash and letters beyond ASCII', ['42["message","\\/\\u00e9\\ud83d\\ude00"]'], ['< 42["message-back","/é😀"]', ALIVE]);
joined('numbers in many forms', ['42["message",1.0,-0,1e3,0.1,1e21,12345678901234567890,5e-324]'], ['< 42["message-back",1,0,1000,0.1,1e+21,12345678901234567000,5e-324]', ALIVE]);
joined('a key twice', ['42["message",{"a":1,"a":2}]'], ['< 42["message-back",{"a":2}]', ALIVE]);
joined('__proto__ as a key', ['42["message",{"__proto__":1}]'], ['< 42["message-back",{"__proto__":1}]', ALIVE]);

rows.push({
  name: 'Socket.IO: the server asks and is answered',
  script: async (p) => {
    const socket = await p.websocket();
    await socket.say('40').hear();
    await socket.say('42["ask","what",1]').hear();
    await socket.say(`43${socket.asked}["yes"]`).hear();
    await socket.say(`451-["ask","what",${HELD(0)}]`, frame(2, BYTES(9))).hear();
    await socket.say(`461-${socket.asked}[${HELD(0)}]`, frame(2, BYTES(8))).hear();
  },
  same: [...CONNECTED, '< 42#["what",1]', '< 42["answers",1,[["yes"]]]', `< 451-#["what",${HELD(0)}]`, '<< 09', `< 451-["answers",1,[[${HELD(0)}]]]`, '<< 08'],
});
rows.push({ name: 'Socket.IO: no CONNECT in time', way: 'hasty', script: async (p) => (await p.websocket()).wait(), same: END });
rows.push({
  name: 'Socket.IO: no CONNECT to a namespace that is one, in time',
  way: 'hasty',
  script: async (p) => (await p.websocket()).say('40/random').wait(),
  same: ['< 44/random,{"message":"Invalid namespace"}', ...END],
});
const refused = (why) => [`< 44{"message":"not authorized","data":{"token":"${why}"}}`, ALIVE];
talk('Socket.IO: not let in', ['40'], refused('missing'), { way: 'token' });
talk('Socket.IO: not let in with another token', ['40{"token":"barley"}'], refused('wrong'), { way: 'token' });
talk('Socket.IO: let in', ['40', '40{"token":"sesame"}'], [refused('missing')[0], '< 40{"sid":"$"}', '< 42["auth",{"token":"sesame"}]', ALIVE], { way: 'token' });

// Refused, by closing without a code: first words of a connection,
for (const [name, message] of Object.entries({
  '4abc': '4abc',
  'an empty packet': '4',
  'packet type 7': '47',
  'CONNECT with an array': '40[]',
  'CONNECT with a text': '40"a"',
  'CONNECT with null': '40null',
  'CONNECT with half an object': '40{"a":',
  'an event before CONNECT': '42["message",1]',
  'leaving where one is not': '41',
})) sio(`refused: ${name}`, [message], END);

// and behind CONNECT.
for (const [name, ...messages] of [
  ['4abc later', '4abc'],
  ['CONNECT twice', '40'],
  ['leaving with a payload', '41{}'],
  ['an event after leaving', '41', '42["message",1]'],
  ['an event in a namespace not joined', '42/custom,["message",1]'],
  ['an object for an event', '42{}'],
  ['an event of nothing', '42[]'],
  ['a name that is null', '42[null]'],
  ['a name that is an object', '42[{}]'],
  ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].map((name) => [`the reserved name ${name}`, `42["${name}"]`]),
  ['an ack id that is none', '42abc["message-with-ack",1]'],
  ['an ack id below zero', '42-1["message-with-ack",1]'],
  ['half an array', '42["message"'],
  ['words behind the array', '42["message"]x'],
  ['an answer that is an object', '437{}'],
  ['CONNECT_ERROR from the client', '44{"message":"a"}'],
  ['a binary event of 0', '450-["message"]'],
  ['a binary event of 11', '4511-["message"]'],
  ['a binary event that says no number', '45["message"]'],
  ['a binary event that says -1', '45-1-["message"]'],
  ['a binary event that says 1.5', '451.5-["message"]'],
  ['a binary event without its dash', '451["message"]'],
  ['a text where an attachment was to come', `451-["message",${HELD(0)}]`, '42["message"]'],
  ['an attachment that nobody announced', BYTES(1)],
  ['a placeholder beyond the last', `451-["message",${HELD(1)}]`, BYTES(1)],
  ['a placeholder below zero', `451-["message",${HELD(-1)}]`, BYTES(1)],
]) joined(`refused: ${name}`, messages, END);

joined('a binary event whose header is no event', ['451-{}'], differs('a packet is parsed once, when it is whole', [ALIVE], END));

const onlyWe = (name, messages, why, theirs) => joined(`refused by us alone: ${name}`, messages, differs(why, END, theirs));
onlyWe('an event without a payload', ['42'], 'the protocol has it an array', [ALIVE]);
onlyWe('an answer without a payload', ['437'], 'the protocol has it an array', [ALIVE]);
onlyWe('an empty name', ['42[""]'], 'an event has a name, on both paths', [ALIVE]);
onlyWe('an ack id of 22 digits', ['429999999999999999999999["message-with-ack",1]'], 'an id is given back as it came, or not taken', ['< 431e+22[1]', ALIVE]);
onlyWe('a placeholder twice', [`451-["message",${HELD(0)},${HELD(0)}]`, BYTES(1)], 'the same bytes twice would grow without bounds', [`< 452-["message-back",${HELD(0)},${HELD(1)}]`, '<< 01', '<< 01', ALIVE]);
onlyWe('attachments over the limit together', [`452-["other",${HELD(0)},${HELD(1)}]`, Buffer.alloc(60000), Buffer.alloc(60000)], 'an event is one message, and no larger than one', [ALIVE]);
onlyWe('arrays 40 deep', [`42["message",${'['.repeat(40)}${']'.repeat(40)}]`], 'at most 16 levels', [`< 42["message-back",${'['.repeat(40)}${']'.repeat(40)}]`, ALIVE]);
onlyWe('5,000 values', [`42["other"${',1'.repeat(5000)}]`], 'at most 4,096 values', [ALIVE]);
onlyWe('a lone surrogate', ['42["message","\\ud800"]'], 'it has no UTF-8, so no place in a datagram', ['< 42["message-back","\\ud800"]', ALIVE]);
onlyWe('a number that is too large', ['42["message",1e400]'], 'what cannot be said back is not taken', ['< 42["message-back",null]', ALIVE]);
joined('a space before the array', ['42 ["message",1]'], differs('the reference takes the space for an ack id', ['< 42["message-back",1]', ALIVE], ['< 42#["message-back",1]', ALIVE]));
joined('keys in the order in which they came', ['42["message",{"b":1,"a":2,"10":3,"9":4}]'],
  differs('JavaScript sorts keys that are numbers; here they stay as they came', ['< 42["message-back",{"b":1,"a":2,"10":3,"9":4}]', ALIVE], ['< 42["message-back",{"9":4,"10":3,"b":1,"a":2}]', ALIVE]));

/* ---- msgpack -------------------------------------------------------------------------------- */

const hex = (words) => Buffer.from(words).toString('hex');
const str = (words) => `${(0xa0 + words.length).toString(16)}${hex(words)}`;
const TYPE = (n) => `${str('type')}0${n}`;
const DATA = str('data');
const NSP = (name) => `${str('nsp')}${str(name)}`;
const UNDEFINED = 'd40000';
const CONNECT = `83${TYPE(0)}${DATA}${UNDEFINED}${NSP('/')}`;
const event = (data, nsp = '/') => `83${TYPE(2)}${DATA}${data}${NSP(nsp)}`;
const wants = (id, data) => `84${TYPE(2)}${DATA}${data}${str('id')}${id}${NSP('/')}`;
const MESSAGE = str('message');
const BACK = str('message-back');
const WITH_ACK = `b0${hex('message-with-ack')}`;
const IN = [`<< 83${TYPE(0)}${DATA}81${str('sid')}b4$${NSP('/')}`, `<< ${event(`92${str('auth')}80`)}`];

const bytes = (message) => (message.startsWith('text ') ? message.slice(5) : Buffer.from(message, 'hex'));
const packed = (name, messages, answers) => talk(`msgpack: ${name}`, messages.map(bytes), answers, { way: 'msgpack' });
packed('CONNECT', [CONNECT], [...IN, ALIVE]);
packed('CONNECT without data', [`82${TYPE(0)}${NSP('/')}`], [...IN, ALIVE]);
packed('CONNECT with a payload', [`83${TYPE(0)}${DATA}81${str('a')}${str('b')}${NSP('/')}`], [IN[0], `<< ${event(`92${str('auth')}81${str('a')}${str('b')}`)}`, ALIVE]);
packed('keys that nobody knows', [`84${str('x')}c0${CONNECT.slice(2)}`], [...IN, ALIVE]);
packed('two namespaces', [CONNECT, `83${TYPE(0)}${DATA}${UNDEFINED}${NSP('/custom')}`, event(`92${MESSAGE}01`, '/custom')],
  [...IN, ...IN.map((line) => line.replace(NSP('/'), NSP('/custom'))), `<< ${event(`92${BACK}01`, '/custom')}`, ALIVE]);
packed('a namespace that is none', [`83${TYPE(0)}${DATA}${UNDEFINED}${NSP('/random')}`],
  differs('the order of a map\'s keys is nobody\'s business', [`<< 83${TYPE(4)}${DATA}81${str('message')}${str('Invalid namespace')}${NSP('/random')}`, ALIVE],
    [`<< 83${TYPE(4)}${NSP('/random')}${DATA}81${str('message')}${str('Invalid namespace')}`, ALIVE]));

const within = (name, messages, answers) => talk(`msgpack: ${name}`, [CONNECT, ...messages].map(bytes), answers, { way: 'msgpack' }, (lines) => [...IN, ...lines]);
const echoed = (name, items, args = `92`) => within(name, [event(`${args}${MESSAGE}${items}`)], [`<< ${event(`${args}${BACK}${items}`)}`, ALIVE]);
echoed('an event and its echo', '01a13281a13391c3', '94');
echoed('binary', 'c403010203');
echoed('nil, true, 1.5', 'c0c3cb3ff8000000000000', '94');
echoed('integers of every width', '7fccffcdffffceffffffffe0d080d18000d280000000', '99');
echoed('integers of 64 bits', 'cf0020000000000000d3ffe0000000000000', '93');
within('leaving', [`82${TYPE(1)}${NSP('/')}`], [ALIVE]);
within('an event that wants an answer, as the client writes it', [`85${TYPE(2)}${DATA}92${WITH_ACK}05${str('options')}81${str('compress')}c3${str('id')}07${NSP('/')}`],
  differs('the order of a map\'s keys is nobody\'s business', [`<< 84${TYPE(3)}${DATA}9105${str('id')}07${NSP('/')}`, ALIVE], [`<< 84${str('id')}07${TYPE(3)}${DATA}9105${NSP('/')}`, ALIVE]));
within('the server asks and is answered', [event(`93${str('ask')}${str('what')}01`), `84${TYPE(3)}${DATA}91${str('yes')}${str('id')}00${NSP('/')}`],
  [`<< 84${TYPE(2)}${DATA}92${str('what')}01${str('id')}00${NSP('/')}`, `<< ${event(`93${str('answers')}019191${str('yes')}`)}`, ALIVE]);
const CANON = 'an event is the same on every path, so it is what JSON and bytes can say';
within('a Uint8Array of node\'s', [event(`92${MESSAGE}c70300010203`)], differs(CANON, [`<< ${event(`92${BACK}c403010203`)}`, ALIVE], [`<< ${event(`92${BACK}c70300010203`)}`, ALIVE]));
within('undefined', [event(`92${MESSAGE}d40000`)], differs(CANON, [`<< ${event(`92${BACK}c0`)}`, ALIVE], [`<< ${event(`92${BACK}d40000`)}`, ALIVE]));
within('a date', [event(`92${MESSAGE}d7000000000000000000`)], differs(CANON, [`<< ${event(`92${BACK}${str('1970-01-01T00:00:00.000Z')}`)}`, ALIVE], [`<< ${event(`92${BACK}d7000000000000000000`)}`, ALIVE]));

for (const [name, message] of Object.entries({
  'the type that never is': 'c1',
  'an empty message': '',
  'an array': '90',
  'type 5': `83${TYPE(5)}${DATA}90${NSP('/')}`,
  'a type that is a text': `83${str('type')}${str('0')}${DATA}${UNDEFINED}${NSP('/')}`,
  'no type': `82${DATA}${UNDEFINED}${NSP('/')}`,
  'no namespace': `82${TYPE(0)}${DATA}${UNDEFINED}`,
  'CONNECT with nil': `83${TYPE(0)}${DATA}c0${NSP('/')}`,
  'CONNECT with an array': `83${TYPE(0)}${DATA}90${NSP('/')}`,
  'bytes behind the map': `${CONNECT}00`,
  'a map cut short': CONNECT.slice(0, -2),
  'an event before CONNECT': event(`92${MESSAGE}01`),
})) packed(`refused: ${name}`, [message], END);
for (const [name, message] of Object.entries({
  'a text later': 'text 42["message"]',
  'an event that is a map': event('80'),
  'an id that is a text': wants(str('1'), `92${WITH_ACK}01`),
  'an array that says 2^32-1': event('ddffffffff'),
  'leaving with data': `83${TYPE(1)}${DATA}c0${NSP('/')}`,
})) within(`refused: ${name}`, [message], END);
const ownRules = (name, message, why, theirs) => within(`refused by us alone: ${name}`, [message], differs(why, END, theirs));
ownRules('an event of nothing', event('90'), 'an event has a name, on both paths', [ALIVE]);
ownRules('an event named nil', event('91c0'), 'an event has a name, on both paths', [ALIVE]);
ownRules('a reserved name', event(`91${str('disconnect')}`), 'what one parser refuses the other does', [ALIVE]);
ownRules('an id below zero', wants('ff', `92${WITH_ACK}01`), 'what one parser refuses the other does', [`<< 84${str('id')}ff${TYPE(3)}${DATA}9101${NSP('/')}`, ALIVE]);
ownRules('a text that is not UTF-8', event(`92${MESSAGE}a1ff`), 'a text is UTF-8, and is not changed on the way', [`<< ${event(`92${BACK}a3efbfbd`)}`, ALIVE]);
packed('the other parser', ['text 40'], differs('one port serves both parsers: a connection\'s first message shows which', [...CONNECTED, ALIVE], END));

module.exports = rows;
