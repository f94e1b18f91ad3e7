//! `--trace-matches`: a log line for each SYN that matches a fingerprint. Off by default; the verifier then removes it.

use aya_ebpf::{Global, helpers::bpf_ktime_get_ns, macros::map, maps::PerCpuArray, programs::XdpContext};
use aya_log_ebpf::info;
use honeyxdp_common::{Family, Syn};

/// Lines a second on each CPU; 0 is off.
#[unsafe(no_mangle)]
static TRACE_PER_SECOND: Global<u32> = Global::new(0);

const SECOND: u64 = 1_000_000_000;

/// Start of the current second in ns since boot, and the lines in it.
#[map]
static TRACE_BUDGET: PerCpuArray<[u64; 2]> = PerCpuArray::with_max_entries(1, 0);

/// Contents of a log line.
struct Line {
    family: u32,
    is_v4: bool,
    src: u32,
    dst: u32,
    sport: u16,
    dport: u16,
    seq: u32,
    window: u16,
    ttl: u8,
}

#[inline(always)]
pub(crate) fn matched(ctx: &XdpContext, syn: &Syn, family: Family) {
    let limit = TRACE_PER_SECOND.load();
    if limit == 0 || family == Family::OTHER {
        return;
    }
    let Some(budget) = TRACE_BUDGET.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: the map is per CPU, and the program does not nest.
    let [start, lines] = unsafe { &mut *budget };
    // SAFETY: the helper only reads a clock.
    let now = unsafe { bpf_ktime_get_ns() };
    if now - *start > SECOND {
        (*start, *lines) = (now, 0);
    }
    if *lines < u64::from(limit) {
        *lines += 1;
        let line = Line {
            family: family.wire_id() as u32,
            is_v4: syn.is_v4(),
            src: syn.src.v4(),
            dst: syn.dst.v4(),
            sport: syn.sport,
            dport: syn.dport,
            seq: syn.seq,
            window: syn.window,
            ttl: syn.ttl,
        };
        write(ctx, &line);
    }
}

/// Not inlined: otherwise every path through the parser would contain the log code.
#[inline(never)]
fn write(ctx: &XdpContext, line: &Line) {
    let Line { family, is_v4, src, dst, sport, dport, seq, window, ttl } = *line;
    // The reader replaces the leading number with the family's name.
    if is_v4 {
        info!(
            ctx,
            "{} src={:i} dst={:i} sport={} dport={} seq={} win={} ttl={}",
            family,
            src,
            dst,
            sport,
            dport,
            seq,
            window,
            ttl
        );
    } else {
        info!(ctx, "{} IPv6 sport={} dport={} seq={} win={} hlim={}", family, sport, dport, seq, window, ttl);
    }
}
