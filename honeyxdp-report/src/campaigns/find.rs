//! Reads an archive once, and gathers who scans.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use jiff::{Timestamp, civil::Date};

use super::{
    cadence::Cadence,
    group::{Group, Network},
    result::{Activity, Campaigns, GivenUp, Known, SCHEMA, Unknown},
    rules::Rules,
};
use crate::flows::{self, Archive, Columns, Families, Flow, Source};

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// Where to look.
    pub archive: &'a Archive,
    /// Surveys that are known.
    pub rules: &'a Rules,
    /// Families whose sources are gathered by network.
    pub tools: &'a [String],
    /// SYNs that a network needs to be told.
    pub min_packets: u64,
    /// Networks to tell.
    pub top: usize,
    /// Memory for networks, bytes.
    pub memory: usize,
}

/// Finds known and unknown surveys.
///
/// # Errors
///
/// Where the archive cannot be read.
pub fn find(question: &Question<'_>) -> anyhow::Result<Campaigns> {
    let mut gathered = Gathered::new(question);
    let mut families = Families::default();
    let mut rows = 0;
    for day in &question.archive.days {
        for file in &day.files {
            flows::read(
                file,
                Columns { flows: true },
                &mut families,
                |_| true,
                |batch, families| {
                    gathered.learn(families);
                    rows += batch.rows() as u64;
                    for row in 0..batch.rows() {
                        let tool = batch.tool(row);
                        if gathered.is_looked_at(tool)
                            && let Some(source) = batch.source(row)
                        {
                            gathered.add(day.date, source, tool, &batch.flow(row));
                        }
                    }
                    Ok(())
                },
            )?;
        }
    }
    Ok(gathered.told(rows))
}

struct Gathered<'a> {
    question: &'a Question<'a>,
    /// Names of the families by their number, and whether networks are gathered of them.
    tools: Vec<(String, bool)>,
    known: Vec<Group>,
    networks: HashMap<(Network, usize), Group, RandomState>,
    used: usize,
    given_up: GivenUp,
}

impl<'a> Gathered<'a> {
    fn new(question: &'a Question<'a>) -> Self {
        Self {
            question,
            tools: Vec::new(),
            known: vec![Group::default(); question.rules.surveys().len()],
            networks: HashMap::default(),
            used: 0,
            given_up: GivenUp::default(),
        }
    }

    /// Takes over families that came up.
    fn learn(&mut self, families: &Families) {
        for name in &families.names()[self.tools.len()..] {
            self.tools.push((name.clone(), self.question.tools.contains(name)));
        }
    }

    fn is_looked_at(&self, tool: usize) -> bool {
        !self.known.is_empty() || self.tools[tool].1
    }

    fn add(&mut self, day: Date, source: Source, tool: usize, flow: &Flow) {
        let (name, is_gathered) = &self.tools[tool];
        if let Some(survey) = self.question.rules.find(source, name) {
            self.known[survey].add(day, source, flow);
        } else if *is_gathered {
            let group = self.networks.entry((Network::of(source), tool));
            let before =
                if let std::collections::hash_map::Entry::Occupied(group) = &group { group.get().memory() } else { 0 };
            let group = group.or_default();
            group.add(day, source, flow);
            self.used = self.used + group.memory() - before;
            if self.used > self.question.memory {
                self.give_up();
            }
        }
    }

    /// Gives up those with the fewest packets, about half of all.
    fn give_up(&mut self) {
        let mut packets: Vec<u64> = self.networks.values().map(|group| group.packets).collect();
        let middle = packets.len() / 2;
        let median = *packets.select_nth_unstable(middle).1;
        let (given_up, mut used) = (&mut self.given_up, 0);
        self.networks.retain(|_, group| {
            let stays = group.packets > median;
            if stays {
                used += group.memory();
            } else {
                given_up.groups += 1;
                given_up.packets += group.packets;
                given_up.most = given_up.most.max(group.packets);
            }
            stays
        });
        self.used = used;
    }

    fn told(self, rows: u64) -> Campaigns {
        let known_days: Vec<Date> = self.question.archive.days.iter().map(|day| day.date).collect();
        let period = self.question.archive.period();
        let known = self.question.rules.surveys().iter().zip(&self.known).map(|(survey, group)| Known {
            name: survey.name.clone(),
            about: survey.about.clone(),
            prefixes: survey.sources.clone(),
            tool: survey.tool.clone(),
            activity: activity(group, &known_days),
        });
        let known = known.collect();
        let networks = self.networks.len() as u64;
        let mut groups: Vec<_> =
            self.networks.into_iter().filter(|(_, group)| group.packets >= self.question.min_packets).collect();
        groups.sort_by(|((left, lefts), a), ((right, rights), b)| {
            b.packets.cmp(&a.packets).then_with(|| (left, lefts).cmp(&(right, rights)))
        });
        groups.truncate(self.question.top);
        let unknown = groups.iter().filter_map(|((network, tool), group)| {
            let activity = activity(group, &known_days)?;
            Some(Unknown { network: network.prefix(), tool: self.tools[*tool].0.clone(), activity })
        });
        Campaigns { schema: SCHEMA, period, rows, known, unknown: unknown.collect(), networks, given_up: self.given_up }
    }
}

/// What a group did; none where it did nothing.
fn activity(group: &Group, known_days: &[Date]) -> Option<Activity> {
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
        let archive = Archive { days: Vec::new() };
        let (rules, tools) = (Rules::default(), ["zmap".to_owned()]);
        let memory = 1 << 20;
        let question = Question { archive: &archive, rules: &rules, tools: &tools, min_packets: 1, top: 10, memory };
        let mut gathered = Gathered::new(&question);
        gathered.tools = vec![("zmap".to_owned(), true)];
        let flow = Flow { port: 80, packets: 1, first: 0, last: 0 };
        let mut packets = 0;
        for number in 0..200_000_u32 {
            gathered.add(date(2019, 1, 1), Source::V4(number << 8), 0, &flow);
            gathered.add(date(2019, 1, 1), Source::V4(u32::MAX), 0, &flow);
            packets += 2;
            assert!(gathered.used <= memory);
        }
        let held: u64 = gathered.networks.values().map(|group| group.packets).sum();
        assert_eq!(held + gathered.given_up.packets, packets, "each SYN is in a group or given up");
        assert_eq!(gathered.networks[&(Network::of(Source::V4(u32::MAX)), 0)].packets, 200_000);
        assert_eq!(gathered.given_up.most, 1);
    }
}
