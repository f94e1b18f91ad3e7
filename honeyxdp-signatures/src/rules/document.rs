//! A file of rules as it is written: TOML.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::{Condition, Problem, Rule, Rules, RulesError};
use crate::{Confidence, Region};

/// The version of the format.
const VERSION: i64 = 1;
/// How deep conditions may lie in each other.
const DEEPEST: usize = 8;
/// The longest id, bytes.
const LONGEST_ID: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<i64>,
    #[serde(default)]
    exploit: Vec<Spanned<Written>>,
    #[serde(default)]
    family: Vec<Spanned<Written>>,
}

/// A rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Spanned<String>,
    name: Option<Spanned<String>>,
    title: String,
    #[serde(default)]
    ports: Vec<u16>,
    confidence: Spanned<String>,
    source: String,
    caveat: String,
    all: Option<Vec<Spanned<WrittenCondition>>>,
    any: Option<Vec<Spanned<WrittenCondition>>>,
}

/// A condition; which keys go together is judged when it is compiled.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCondition {
    r#in: Option<Region>,
    text: Option<String>,
    regex: Option<String>,
    ignore_case: Option<bool>,
    all: Option<Vec<Spanned<Self>>>,
    any: Option<Vec<Spanned<Self>>>,
}

/// Reads the text of a file.
///
/// # Errors
/// With all that is wrong; errors of the syntax come alone, because what follows them may be understood wrongly.
pub(super) fn parse(text: &str) -> Result<Rules, RulesError> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let message = error.message().replace('\n', ", ").escape_debug().to_string();
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        RulesError { problems: vec![Problem { line, message }] }
    })?;
    let mut reader = Reader { text, ids: BTreeSet::new(), problems: Vec::new() };
    if *document.version.get_ref() != VERSION {
        let message =
            format!("version {} of the format is not known; this one is {VERSION}", document.version.get_ref());
        reader.wrong(document.version.span().start, message);
    }
    let exploits = document.exploit.into_iter().filter_map(|rule| reader.rule(rule)).collect();
    let families = document.family.into_iter().filter_map(|rule| reader.rule(rule)).collect();
    reader.problems.sort_by_key(|problem| problem.line);
    if reader.problems.is_empty() {
        Ok(Rules { exploits, families })
    } else {
        Err(RulesError { problems: reader.problems })
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Judges rules and gathers what is wrong.
struct Reader<'t> {
    text: &'t str,
    ids: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn wrong(&mut self, offset: usize, message: String) {
        self.problems.push(Problem { line: line_at(self.text, offset), message });
    }

    /// A rule, if its condition can be compiled. Everything that is wrong with it is said.
    fn rule(&mut self, written: Spanned<Written>) -> Option<Rule> {
        let at = written.span().start;
        let Written { id, name, title, ports, confidence, source, caveat, all, any } = written.into_inner();
        let shown = id.get_ref().escape_debug().to_string();
        let stem = stem_of(id.get_ref());
        if stem.is_none() {
            self.wrong(id.span().start, format!("the id \"{shown}\" is not a name and a version, as \"mozi/1\""));
        } else if !self.ids.insert(id.get_ref().clone()) {
            self.wrong(id.span().start, format!("{shown} is there twice"));
        }
        let default = stem.unwrap_or_default().to_owned();
        let name = match name {
            Some(name) if is_name(name.get_ref()) => name.into_inner(),
            Some(name) => {
                let message = format!("the name of {shown} is not {NAME}");
                self.wrong(name.span().start, message);
                default
            }
            None => default,
        };
        let letter = [Confidence::A, Confidence::B, Confidence::C, Confidence::D]
            .into_iter()
            .find(|letter| letter.name() == confidence.get_ref());
        if letter.is_none() {
            self.wrong(confidence.span().start, format!("the confidence of {shown} is not A, B, C or D"));
        }
        for (key, text) in [("title", &title), ("source", &source), ("caveat", &caveat)] {
            if text.trim().is_empty() {
                self.wrong(at, format!("the {key} of {shown} is empty"));
            }
        }
        if all.is_none() && any.is_none() {
            self.wrong(at, format!("{shown} has no conditions: give it the key all or any"));
        }
        let condition = self.lists(all, any, at, &shown, 0)?;
        Some(Rule { id: id.into_inner(), name, title, ports, confidence: letter?, source, caveat, condition })
    }

    /// The lists `all` and `any` of one table: with both, both hold.
    fn lists(
        &mut self,
        all: Option<Vec<Spanned<WrittenCondition>>>,
        any: Option<Vec<Spanned<WrittenCondition>>>,
        at: usize,
        id: &str,
        depth: usize,
    ) -> Option<Condition> {
        if depth >= DEEPEST {
            self.wrong(at, format!("the conditions of {id} lie more than {DEEPEST} deep in each other"));
            return None;
        }
        let mut list = |written: Vec<Spanned<WrittenCondition>>| {
            if written.is_empty() {
                self.wrong(at, format!("a list of conditions of {id} is empty"));
            }
            let compiled: Vec<_> = written.into_iter().map(|one| self.condition(one, id, depth + 1)).collect();
            compiled.into_iter().collect::<Option<Vec<_>>>()
        };
        let all = all.map(&mut list);
        let any = any.map(&mut list);
        match (all, any) {
            (Some(all), None) => Some(Condition::All(all?)),
            (None, Some(any)) => Some(Condition::Any(any?)),
            (Some(all), Some(any)) => {
                let mut both = all?;
                both.push(Condition::Any(any?));
                Some(Condition::All(both))
            }
            (None, None) => None,
        }
    }

    fn condition(&mut self, written: Spanned<WrittenCondition>, id: &str, depth: usize) -> Option<Condition> {
        let at = written.span().start;
        let WrittenCondition { r#in, text, regex, ignore_case, all, any } = written.into_inner();
        let is_leaf = r#in.is_some() || text.is_some() || regex.is_some() || ignore_case.is_some();
        if !is_leaf && (all.is_some() || any.is_some()) {
            return self.lists(all, any, at, id, depth);
        }
        let ignore_case = ignore_case.unwrap_or_default();
        let compiled = match (r#in, text, regex) {
            _ if all.is_some() || any.is_some() => Err("has lists beside a text: put the text into a list".to_owned()),
            (Some(_), Some(text), None) if text.is_empty() => Err("has an empty text, which is everywhere".to_owned()),
            (Some(region), Some(text), None) => {
                Condition::text(region, &text, ignore_case).map_err(|error| format!("has a wrong text: {error}"))
            }
            (Some(region), None, Some(regex)) => {
                Condition::regex(region, &regex, ignore_case).map_err(|error| format!("has a wrong regex: {error}"))
            }
            (None, ..) => Err("does not say where: give it the key in".to_owned()),
            _ => Err("needs one of text and regex".to_owned()),
        };
        compiled.map_err(|message| self.wrong(at, format!("a condition of {id} {message}"))).ok()
    }
}

const NAME: &str = "1 to 64 letters, digits, dots, dashes";

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_ID).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The id without its version, if it is one.
fn stem_of(id: &str) -> Option<&str> {
    let (stem, version) = id.split_once('/')?;
    let is_version = version.parse::<u32>().is_ok_and(|number| number > 0 && number.to_string() == version);
    (is_name(stem) && is_version).then_some(stem)
}

#[cfg(test)]
mod tests;
