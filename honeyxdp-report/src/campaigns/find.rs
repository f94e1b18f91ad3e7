//! Reads an archive once, and gathers who scans.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use jiff::{Timestamp, civil::Date};

use super::{
    cadence::Cadence,
    group::{Network, ScanGroup},
    known::KnownScanners,
    result::{Activity, Campaigns, Evicted, KnownActivity, SCHEMA, UnknownScanner},
};
use crate::flows::{self, FamilyIndex, FlowArchive, FlowColumns, FlowFields, SourceAddress};

/// What is asked.
#[derive(Debug)]
pub struct CampaignOptions<'a> {
    /// Where to look.
    pub archive: &'a FlowArchive,
    /// Surveys that are known.
    pub known: &'a KnownScanners,
    /// Families whose sources are grouped by network.
    pub tools: &'a [String],
    /// Minimum SYNs of a network in the result.
    pub min_packets: u64,
    /// Networks to tell.
    pub top: usize,
    /// Memory for networks, bytes.
    pub memory: usize,
}

/// Finds known and unknown research scanners.
///
/// # Errors
///
/// Where the archive cannot be read.
pub fn find(options: &CampaignOptions<'_>) -> anyhow::Result<Campaigns> {
    let mut collector = ScanCollector::new(options);
    let mut families = FamilyIndex::default();
    let mut rows = 0;
    for day in &options.archive.days {
        for file in &day.files {
            flows::read(
                file,
                FlowColumns { flows: true },
                &mut families,
                |_| true,
                |batch, families| {
                    collector.learn(families);
                    rows += batch.rows() as u64;
                    for row in 0..batch.rows() {
                        let tool = batch.tool(row);
                        if collector.is_wanted(tool)
                            && let Some(source) = batch.source(row)
                        {
                            collector.add(day.date, source, tool, &batch.flow(row));
                        }
                    }
                    Ok(())
                },
            )?;
        }
    }
    Ok(collector.finish(rows))
}

struct ScanCollector<'a> {
    options: &'a CampaignOptions<'a>,
    /// Names of the families by their number, and whether their sources are grouped by network.
    tools: Vec<(String, bool)>,
    known: Vec<ScanGroup>,
    networks: HashMap<(Network, usize), ScanGroup, RandomState>,
    used: usize,
    evicted: Evicted,
}

impl<'a> ScanCollector<'a> {
    fn new(options: &'a CampaignOptions<'a>) -> Self {
        Self {
            options,
            tools: Vec::new(),
            known: vec![ScanGroup::default(); options.known.scanners().len()],
            networks: HashMap::default(),
            used: 0,
            evicted: Evicted::default(),
        }
    }

    /// Takes over families that came up.
    fn learn(&mut self, families: &FamilyIndex) {
        for name in &families.names()[self.tools.len()..] {
            self.tools.push((name.clone(), self.options.tools.contains(name)));
        }
    }

    fn is_wanted(&self, tool: usize) -> bool {
        !self.known.is_empty() || self.tools[tool].1
    }

    fn add(&mut self, day: Date, source: SourceAddress, tool: usize, flow: &FlowFields) {
        let (name, is_collected) = &self.tools[tool];
        if let Some(scanner) = self.options.known.find(source, name) {
            self.known[scanner].add(day, source, flow);
        } else if *is_collected {
            let group = self.networks.entry((Network::of(source), tool));
            let before =
                if let std::collections::hash_map::Entry::Occupied(group) = &group { group.get().memory() } else { 0 };
            let group = group.or_default();
            group.add(day, source, flow);
            self.used = self.used + group.memory() - before;
            if self.used > self.options.memory {
                self.evict();
            }
        }
    }

    /// Gives up those with the fewest packets, about half of all.
    fn evict(&mut self) {
        let mut packets: Vec<u64> = self.networks.values().map(|group| group.packets).collect();
        let middle = packets.len() / 2;
        let median = *packets.select_nth_unstable(middle).1;
        let (evicted, mut used) = (&mut self.evicted, 0);
        self.networks.retain(|_, group| {
            let stays = group.packets > median;
            if stays {
                used += group.memory();
            } else {
                evicted.groups += 1;
                evicted.packets += group.packets;
                evicted.most = evicted.most.max(group.packets);
            }
            stays
        });
        self.used = used;
    }

    fn finish(self, rows: u64) -> Campaigns {
        let known_days: Vec<Date> = self.options.archive.days.iter().map(|day| day.date).collect();
        let period = self.options.archive.period();
        let known = self.options.known.scanners().iter().zip(&self.known).map(|(scanner, group)| KnownActivity {
            name: scanner.name.clone(),
            about: scanner.about.clone(),
            prefixes: scanner.sources.clone(),
            tool: scanner.tool.clone(),
            activity: activity(group, &known_days),
        });
        let known = known.collect();
        let networks = self.networks.len() as u64;
        let mut groups: Vec<_> =
            self.networks.into_iter().filter(|(_, group)| group.packets >= self.options.min_packets).collect();
        groups.sort_by(|((left, lefts), a), ((right, rights), b)| {
            b.packets.cmp(&a.packets).then_with(|| (left, lefts).cmp(&(right, rights)))
        });
        groups.truncate(self.options.top);
        let unknown = groups.iter().filter_map(|((network, tool), group)| {
            let activity = activity(group, &known_days)?;
            Some(UnknownScanner { network: network.prefix(), tool: self.tools[*tool].0.clone(), activity })
        });
        Campaigns { schema: SCHEMA, period, rows, known, unknown: unknown.collect(), networks, evicted: self.evicted }
    }
}

/// What a group did; none where it did nothing.
fn activity(group: &ScanGroup, known_days: &[Date]) -> Option<Activity> {
    let (&(last_seen, _), &last_day) = (group.days.last()?, known_days.last()?);
    let cadence = Cadence::of(&group.days, known_days);
    let (sources, all_sources) = group.sources();
    let time = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap_or_default();
    Some(Activity {
        packets: group.packets,
        sources,
        all_sources,
        ports: group.ports().len(),
        port_ranges: ranges(group.ports()),
        days: group.days.len(),
        first_seen: time(group.first),
        last_seen: time(group.last),
        cadence,
        status: cadence.status(last_seen, last_day),
    })
}

/// Rising ports as `23`, `8000-8010`.
fn ranges(ports: &[u16]) -> Vec<String> {
    ports
        .chunk_by(|left, right| left + 1 == *right)
        .map(|run| match run {
            [port] => port.to_string(),
            run => format!("{}-{}", run[0], run[run.len() - 1]),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn ports_are_told_as_ranges() {
        assert_eq!(ranges(&[0, 22, 23, 80, 65_534, 65_535]), ["0", "22-23", "80", "65534-65535"]);
        assert!(ranges(&[]).is_empty());
    }

    #[test]
    fn memory_is_bounded_and_who_sends_much_stays() {
        let archive = FlowArchive { days: Vec::new() };
        let (known, tools) = (KnownScanners::default(), ["zmap".to_owned()]);
        let memory = 1 << 20;
        let options =
            CampaignOptions { archive: &archive, known: &known, tools: &tools, min_packets: 1, top: 10, memory };
        let mut collector = ScanCollector::new(&options);
        collector.tools = vec![("zmap".to_owned(), true)];
        let flow = FlowFields { port: 80, packets: 1, first: 0, last: 0 };
        let mut packets = 0;
        for number in 0..200_000_u32 {
            collector.add(date(2019, 1, 1), SourceAddress::V4(number << 8), 0, &flow);
            collector.add(date(2019, 1, 1), SourceAddress::V4(u32::MAX), 0, &flow);
            packets += 2;
            assert!(collector.used <= memory);
        }
        let held: u64 = collector.networks.values().map(|group| group.packets).sum();
        assert_eq!(held + collector.evicted.packets, packets, "each SYN is in a group or given up");
        assert_eq!(collector.networks[&(Network::of(SourceAddress::V4(u32::MAX)), 0)].packets, 200_000);
        assert_eq!(collector.evicted.most, 1);
    }
}
