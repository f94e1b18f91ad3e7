//! The responder on unused addresses, and capture of first payloads there and at the host's own ports. The design is
//! documented in `honeyxdp_common::responder`.

use core::ffi::c_void;

use aya_ebpf::{
    EbpfContext as _, Global,
    bindings::{BPF_F_MMAPABLE, xdp_action},
    helpers::{bpf_ktime_get_ns, bpf_xdp_adjust_tail, bpf_xdp_load_bytes, bpf_xdp_store_bytes},
    macros::map,
    maps::{Array, LpmTrie, ProgramArray},
    programs::XdpContext,
};
use honeyxdp_common::{
    Address, Frame as _, Syn,
    dissect::{ACK, FIN, RST, SYN, Segment, segment},
    filter::{PORT_WORDS, TRIE_KEY, port_bit, trie_key},
    responder::{
        Answer, EXPECTED_BITS, Event, Limit, OBSERVE, PortKind, RESPOND, Reply, SESSION_BITS, Session, Stage, Text,
        V4_HEADER, V6_HEADER, connection, connection_of_syn, cookie, event_counter,
    },
};

use crate::{
    bound::{between, branch, zero},
    element::{element, longest},
    filter,
    flow::SEED,
    frame::{Copied, Direct},
    limit::{self, Spent},
    payload,
    shard::Shard,
    verdict,
};

/// Enabled features: [`OBSERVE`], [`RESPOND`].
#[unsafe(no_mangle)]
static RESPONDER: Global<u32> = Global::new(0);
/// Limits on answered SYNs per second: of one source, and in total.
#[unsafe(no_mangle)]
static ANSWERS_OF_SOURCE: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static ANSWERS_OF_ALL: Global<u32> = Global::new(0);

/// A bit for each port, by [`PortKind`].
#[map]
static RESPONDER_PORTS: Array<u64> = Array::with_max_entries(1, 0);
/// Prefixes: value 1 for addresses to answer for, 0 for the host's own addresses, which are never answered for.
#[map]
static RESPOND_TO: LpmTrie<[u8; TRIE_KEY], u32> = LpmTrie::with_max_entries(1, 0);
/// Connections to observed ports that await their first segment: half of the connection's hash, and its sequence number.
#[map]
static EXPECTED: Array<u64> = Array::with_max_entries(1, 0);
/// Logins in progress. A colliding connection replaces an entry.
#[map]
static SESSIONS: Array<Session> = Array::with_max_entries(1, 0);
/// Event counters. The loader sets the size: a row in every shard.
#[map]
static EVENTS: Array<u64> = Array::with_max_entries(1, BPF_F_MMAPABLE);

/// Minimum length of an Ethernet frame without the check sequence, bytes (IEEE 802.3).
const SMALLEST: usize = 60;
/// Length of an Ethernet address, bytes.
const ADDRESS: u32 = 6;

/// Whether any feature is enabled. If not, the verifier removes the code.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    RESPONDER.load() != 0
}

/// Registers a connection to an observed port, so that its first segment is captured.
#[inline(always)]
pub(crate) fn expect(syn: &Syn) {
    if RESPONDER.load() & OBSERVE == 0 || !has(PortKind::Observed, syn.dport) {
        return;
    }
    let hash = hash(&connection_of_syn(syn));
    if let Some(expected) = element(&EXPECTED, hash as u32 & ((1 << EXPECTED_BITS) - 1)) {
        // SAFETY: it is a single word; another CPU would write a valid entry as well.
        unsafe { expected.write_volatile(hash >> 32 << 32 | u64::from(syn.seq.wrapping_add(1))) };
    }
}

/// Holds the second program. The kernel clears the map when the loading process exits, so answers stop with the sensor.
#[map]
static PROGRAMS: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// Tail-calls the second program; returns only if there is none.
///
/// A separate program, because both together exceed the stack limit of 512 bytes.
#[inline(always)]
pub(crate) fn call(ctx: &XdpContext) {
    // SAFETY: both programs take the same context type.
    let _ = unsafe { PROGRAMS.tail_call(ctx, 0) };
}

/// Answers a TCP frame or captures its payload. Returns the XDP action.
#[inline(always)]
pub(crate) fn handle(ctx: &XdpContext) -> u32 {
    let mut segment = blank();
    if !read(ctx, &mut segment) {
        return xdp_action::XDP_PASS;
    }
    let is_syn = segment.has(SYN, SYN | ACK | RST | FIN);
    let here = Here { ctx, shard: Shard::of_this_run(), segment: &segment };
    if RESPONDER.load() & RESPOND != 0 && here.is_answered() {
        match if is_syn { here.syn() } else { here.segment() } {
            // A single call site: an answer takes 80 bytes of a 512-byte stack.
            Step::Send(answer, event) => return here.send(answer, event),
            Step::Drop => return xdp_action::XDP_DROP,
            Step::Pass => {}
        }
    } else if RESPONDER.load() & OBSERVE != 0 {
        here.observe();
    }
    verdict(is_syn)
}

/// [`Segment::BLANK`] without a memset call.
#[inline(always)]
fn blank() -> Segment {
    let word = zero();
    let (zero, half) = (word as usize, word as u32);
    let address = Address { high: word, low: word };
    Segment {
        src: address,
        dst: address,
        sport: half as u16,
        dport: half as u16,
        seq: half,
        ack: half,
        flags: half as u8,
        options: zero,
        network: zero,
        transport: zero,
        data: zero,
        length: zero,
        whole: zero != 0,
        version: Segment::BLANK.version,
    }
}

/// Dissects the frame again by the helper, off the fast paths of the parser.
#[inline(never)]
fn read(ctx: &XdpContext, to: &mut Segment) -> bool {
    segment(&Copied(Direct::new(ctx)), to)
}

/// Action for a segment.
enum Step {
    /// Send the answer; count the event on success.
    Send(Answer, Event),
    /// Drop the frame.
    Drop,
    /// Pass the frame to the network stack.
    Pass,
}

/// A segment in its XDP context.
struct Here<'a> {
    ctx: &'a XdpContext,
    shard: Shard,
    segment: &'a Segment,
}

impl Here<'_> {
    /// Whether the responder answers for its destination and port.
    #[inline(always)]
    fn is_answered(&self) -> bool {
        has(PortKind::Answered, self.segment.dport)
            && self.leads_to(self.segment.dst) == Some(1)
            && self.leads_to(self.segment.src) != Some(0)
    }

    #[inline(always)]
    fn leads_to(&self, address: Address) -> Option<u32> {
        // SAFETY: it is an aligned word of the map.
        longest(&RESPOND_TO, trie_key(address, self.segment.is_v4())).map(|value| unsafe { value.read_volatile() })
    }

    #[inline(always)]
    fn syn(&self) -> Step {
        if !self.segment.is_plain() {
            return self.pass(Event::Unsupported);
        }
        let spent = limit::take(Limit::Answers, self.source(), ANSWERS_OF_SOURCE.load(), ANSWERS_OF_ALL.load());
        match spent {
            Ok(()) => {}
            Err(Spent::Source) => return self.pass(Event::RateLimitedSource),
            Err(Spent::Total) => return self.pass(Event::RateLimitedTotal),
        }
        let hash = hash(&cookie::aged(connection(self.segment), age()));
        Step::Send(Answer::to_syn(self.segment, cookie::answer(hash, self.segment.seq)), Event::Answered)
    }

    /// Handles a segment after an answered SYN.
    #[inline(always)]
    fn segment(&self) -> Step {
        let segment = self.segment;
        if !segment.has(ACK, SYN | ACK | RST) || !segment.is_plain() {
            return Step::Pass;
        }
        let words = connection(segment);
        let age = age();
        if cookie::is_first(hash(&cookie::aged(words, age)), segment.seq, segment.ack)
            || cookie::is_first(hash(&cookie::aged(words, age - 1)), segment.seq, segment.ack)
        {
            return self.first(hash(&words));
        }
        if has(PortKind::Prompted, segment.dport) {
            let connection = hash(&words);
            if let Some(session) = element(&SESSIONS, connection as u32 & ((1 << SESSION_BITS) - 1)) {
                // SAFETY: a connection's segments arrive on one CPU; a colliding connection overwrites the entry.
                let session = unsafe { &mut *session };
                if session.connection == connection {
                    return self.login(session);
                }
            }
        }
        self.pass(Event::OutOfState)
    }

    /// The first segment after the handshake, which proves that the source address is not spoofed.
    #[inline(always)]
    fn first(&self, connection: u64) -> Step {
        let segment = self.segment;
        if segment.length > 0 {
            self.count(payload::capture(self.ctx, self.shard, segment, Stage::Answered, self.source(), connection));
        } else {
            self.count(Event::Accepted);
        }
        let taken = segment.seq.wrapping_add(segment.length as u32);
        if segment.flags & FIN != 0 {
            return Step::Send(Answer::end(segment.ack, taken.wrapping_add(1)), Event::Ended);
        }
        if has(PortKind::Prompted, segment.dport) {
            if let Some(session) = element(&SESSIONS, connection as u32 & ((1 << SESSION_BITS) - 1)) {
                let ours = segment.ack.wrapping_add(Text::User.length() as u32);
                // SAFETY: as in `segment`.
                unsafe { session.write(Session { connection, next: taken, ours, stage: 0, segments: 0 }) };
            }
            return Step::Send(Answer::acknowledge(segment.ack, taken, Text::User), Event::Prompted);
        }
        if segment.length > 0 {
            return Step::Send(Answer::end(segment.ack, taken), Event::Ended);
        }
        Step::Drop
    }

    /// Handles input at a login prompt.
    #[inline(always)]
    fn login(&self, session: &mut Session) -> Step {
        let segment = self.segment;
        let taken = segment.seq.wrapping_add(segment.length as u32);
        if segment.flags & FIN != 0 {
            session.connection = 0;
            return Step::Send(Answer::end(session.ours, taken.wrapping_add(1)), Event::Ended);
        }
        // A pure acknowledgment or a retransmission.
        if segment.length == 0 || segment.seq != session.next {
            return Step::Drop;
        }
        let stage = if session.stage == 0 { Stage::User } else { Stage::Password };
        self.count(payload::capture(self.ctx, self.shard, segment, stage, self.source(), session.connection));
        session.next = taken;
        session.segments += 1;
        let is_line = self.ends_a_line();
        if is_line && session.stage == 0 {
            session.stage = 1;
            let answer = Answer::acknowledge(session.ours, taken, Text::Password);
            session.ours = session.ours.wrapping_add(Text::Password.length() as u32);
            return Step::Send(answer, Event::Prompted);
        }
        if is_line || session.segments >= Session::MOST {
            session.connection = 0;
            return Step::Send(Answer::end(session.ours, taken), Event::Ended);
        }
        Step::Send(Answer::acknowledge(session.ours, taken, Text::None), Event::Taken)
    }

    /// Whether the last byte ends a line (telnet, RFC 854).
    #[inline(always)]
    fn ends_a_line(&self) -> bool {
        let last = self.segment.data + self.segment.length - 1;
        matches!(Copied(Direct::new(self.ctx)).any::<1>(last), Some([b'\n' | b'\r' | 0]))
    }

    /// Captures the first payload of a connection to one of the host's own ports.
    #[inline(always)]
    fn observe(&self) {
        let segment = self.segment;
        if segment.length == 0 || !segment.has(ACK, SYN | ACK | RST) || !has(PortKind::Observed, segment.dport) {
            return;
        }
        let connection = hash(&connection(segment));
        let Some(expected) = element(&EXPECTED, connection as u32 & ((1 << EXPECTED_BITS) - 1)) else {
            return;
        };
        // SAFETY: it is a single word.
        if unsafe { expected.read_volatile() } == connection >> 32 << 32 | u64::from(segment.seq) {
            // SAFETY: as above. The entry is done.
            unsafe { expected.write_volatile(0) };
            self.count(payload::capture(self.ctx, self.shard, segment, Stage::Observed, self.source(), connection));
        }
    }

    /// Rewrites the frame into its answer and counts it. Returns the XDP action.
    #[inline(always)]
    fn send(&self, answer: Answer, event: Event) -> u32 {
        let (event, verdict) = match send(self.ctx, self.segment, answer) {
            Sent::Whole if turn(self.ctx) => (event, xdp_action::XDP_TX),
            Sent::Nothing => (Event::Failed, xdp_action::XDP_PASS),
            // A partly written frame is neither an answer nor the original.
            Sent::Whole | Sent::Half => (Event::Failed, xdp_action::XDP_DROP),
        };
        self.count(event);
        verdict
    }

    /// Hash of the IPv4 source address, or of the /64 of an IPv6 source.
    #[inline(always)]
    fn source(&self) -> u64 {
        let src = self.segment.src;
        let zero = zero();
        hash(&if self.segment.is_v4() { [zero, src.low, zero, zero, zero] } else { [src.high, zero, zero, zero, 1] })
    }

    #[inline(always)]
    fn pass(&self, event: Event) -> Step {
        self.count(event);
        Step::Pass
    }

    #[inline(always)]
    fn count(&self, event: Event) {
        if let Some(counter) = element(&EVENTS, event_counter(self.shard.number, event)) {
            // SAFETY: only this CPU writes its shard.
            unsafe { *counter += 1 };
        }
    }
}

/// Result of writing an answer into the frame.
enum Sent {
    Whole,
    Half,
    Nothing,
}

/// Writes the headers of the answer into the frame. Not inlined: they need a stack frame of their own.
#[inline(never)]
fn send(ctx: &XdpContext, segment: &Segment, answer: Answer) -> Sent {
    let length = Direct::new(ctx).len();
    let ctx = ctx.as_ptr().cast();
    let reply = Reply::new(segment, answer);
    let needed = segment.transport + reply.segment;
    let padded = if length < SMALLEST { length } else { SMALLEST };
    let new = if needed > padded { needed } else { padded };
    // SAFETY: the helper changes the length or fails.
    if new != length && unsafe { bpf_xdp_adjust_tail(ctx, new as i32 - length as i32) } != 0 {
        return Sent::Nothing;
    }
    let words = reply.words().as_ptr().cast_mut();
    let tail = between::<1, { Reply::SEGMENT }>(reply.segment);
    // SAFETY: the helper reads inside the array, and writes inside the frame or fails.
    let headers = unsafe {
        if segment.is_v4() {
            branch::<4>();
            let start = words.add(Reply::V4).cast::<c_void>();
            bpf_xdp_store_bytes(ctx, segment.network as u32, start, (V4_HEADER + tail) as u32)
        } else {
            branch::<6>();
            bpf_xdp_store_bytes(ctx, segment.network as u32, words.cast::<c_void>(), (V6_HEADER + tail) as u32)
        }
    };
    if headers == 0 { Sent::Whole } else { Sent::Half }
}

/// Swaps the Ethernet addresses. Not part of `send`: Linux 6.1 rounds each stack frame up to 32 bytes, and a call chain is limited
/// to 512 bytes.
#[inline(never)]
fn turn(ctx: &XdpContext) -> bool {
    let ctx = ctx.as_ptr().cast();
    // Two words, because the verifier rejects unaligned stack access.
    let (mut to, mut from) = (0_u64, 0_u64);
    let (to, from) = ((&raw mut to).cast::<c_void>(), (&raw mut from).cast::<c_void>());
    // SAFETY: the helpers access six of the eight bytes, at the start of the frame.
    unsafe {
        bpf_xdp_load_bytes(ctx, 0, to, ADDRESS) == 0
            && bpf_xdp_load_bytes(ctx, ADDRESS, from, ADDRESS) == 0
            && bpf_xdp_store_bytes(ctx, 0, from, ADDRESS) == 0
            && bpf_xdp_store_bytes(ctx, ADDRESS, to, ADDRESS) == 0
    }
}

/// Whether a port is in the set of this kind.
#[inline(always)]
fn has(kind: PortKind, port: u16) -> bool {
    let (word, bit) = port_bit(port);
    filter::load(&RESPONDER_PORTS, kind as u32 * PORT_WORDS as u32 + word) >> bit & 1 != 0
}

/// Age of the current cookie key. Age 0 belongs to no key.
#[inline(always)]
fn age() -> u64 {
    // SAFETY: the helper only reads a clock.
    cookie::age(unsafe { bpf_ktime_get_ns() })
}

/// Not inlined: 800 instructions.
#[inline(never)]
fn hash(words: &[u64; 5]) -> u64 {
    cookie::siphash([SEED.load(), !SEED.load()], *words)
}
