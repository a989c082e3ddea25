// rooms_ledger: who was to hear what, and who heard it. An event is known by its eid; a client's stays
// by the eids that answered its join and leave. So each event and client has one outcome: heard once,
// told as lost by a gap, or not meant for it; everything else is an imbalance, by name.
'use strict';

class Ledger {
  constructor() {
    this.events = new Map(); // by eid: { eid, rooms, from, own, word }
    this.clients = []; // { name, id, start, stays, doubtful, heard, gaps }
  }

  // rooms: [''] is everyone. own: the sender hears it, too. Told again it must be the same event.
  event(e) {
    const known = this.events.get(e.eid);
    if (known && JSON.stringify(known) !== JSON.stringify(e)) throw new Error(`two events ${e.eid}: ${JSON.stringify([known, e])}`);
    this.events.set(e.eid, e);
  }

  // What joined and left were about shows only in them.
  collect() {
    for (const { heard } of this.clients) {
      for (const { eid, name, first } of heard) {
        if (name === 'joined' || name === 'left') this.event({ eid, rooms: [first.room], from: first.id, own: false, word: `${name} ${first.id}` });
      }
    }
  }

  // 'yes', 'no', or 'perhaps': an answer to join or leave was lost, and came to the second asking.
  static meant(client, event) {
    if (event.eid <= client.start || (event.from === client.id && !event.own)) return 'no';
    const inside = (stays) => event.rooms.some((room) => stays.some((stay) => stay.room === room && stay.after < event.eid && event.eid <= stay.to));
    if (inside(client.stays)) return 'yes';
    return inside(client.doubtful) ? 'perhaps' : 'no';
  }

  static toldLost(client, event) {
    return client.gaps.filter(({ room, from, to }) => event.rooms.includes(room) && from <= event.eid && event.eid <= to);
  }

  // Counts of outcomes, and `wrong`: every imbalance in words.
  judge() {
    const sum = { events: this.events.size, clients: this.clients.length, delivered: 0, gap: 0, perhaps: 0, wrong: [] };
    for (const client of this.clients) this.judgeClient(client, sum);
    return sum;
  }

  judgeClient(client, sum) {
    const times = new Map();
    let before = 0;
    for (const { eid, word } of client.heard) {
      times.set(eid, (times.get(eid) || 0) + 1);
      const event = this.events.get(eid);
      if (!event) sum.wrong.push(`${client.name}: foreign ${eid}, which nobody published`);
      else if (event.word !== word) sum.wrong.push(`${client.name}: ${eid} says ${word}, but was ${event.word}`);
      if (eid < before) sum.wrong.push(`${client.name}: ${eid} behind ${before}`);
      before = eid;
    }
    for (const event of this.events.values()) {
      const [meant, n, lost] = [Ledger.meant(client, event), times.get(event.eid) || 0, Ledger.toldLost(client, event)];
      if (n > 1) sum.wrong.push(`${client.name}: double ${event.eid}, ${n} times`);
      else if (meant === 'no' && n) sum.wrong.push(`${client.name}: foreign ${event.eid} to ${event.rooms} from ${event.from}`);
      else if (meant === 'perhaps') sum.perhaps++;
      else if (meant === 'yes' && n && lost.length && event.rooms.length === 1) sum.wrong.push(`${client.name}: ${event.eid} heard, and told lost`);
      else if (meant === 'yes' && !n && !lost.length) sum.wrong.push(`${client.name}: missing ${event.eid} to ${event.rooms}`);
      else if (meant === 'yes') sum[n ? 'delivered' : 'gap']++;
    }
  }
}

module.exports = { Ledger };
