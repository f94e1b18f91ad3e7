//! Parser of a signature file (TOML).

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::{Condition, Problem, Signature, Signatures, SignaturesError};
use crate::{Confidence, Region};

/// Version of the file format.
const VERSION: i64 = 1;
/// Maximum nesting of conditions.
const MAX_DEPTH: usize = 8;
/// Longest name in an id, bytes.
const MAX_NAME: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<i64>,
    #[serde(default)]
    exploit: Vec<Spanned<RawSignature>>,
    #[serde(default)]
    family: Vec<Spanned<RawSignature>>,
}

/// A signature as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    id: Spanned<String>,
    name: Option<Spanned<String>>,
    title: String,
    #[serde(default)]
    ports: Vec<u16>,
    confidence: Spanned<String>,
    source: String,
    caveat: String,
    all: Option<Vec<Spanned<RawCondition>>>,
    any: Option<Vec<Spanned<RawCondition>>>,
}

/// A condition as written. `Reader::condition` checks which keys go together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCondition {
    r#in: Option<Region>,
    text: Option<String>,
    regex: Option<String>,
    ignore_case: Option<bool>,
    all: Option<Vec<Spanned<Self>>>,
    any: Option<Vec<Spanned<Self>>>,
}

/// Parses the text of a file.
///
/// # Errors
/// Returns all problems. A syntax error is returned alone, because the text after it may be misread.
pub(super) fn parse(text: &str) -> Result<Signatures, SignaturesError> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let message = error.message().replace('\n', ", ").escape_debug().to_string();
        let line = line_at(text, error.span().map_or(0, |span| span.start));
        SignaturesError { problems: vec![Problem { line, message }] }
    })?;
    let mut reader = Reader { text, ids: BTreeSet::new(), problems: Vec::new() };
    if *document.version.get_ref() != VERSION {
        let message =
            format!("version {} of the format is not supported; write version = {VERSION}", document.version.get_ref());
        reader.problem(document.version.span().start, message);
    }
    let exploits = document.exploit.into_iter().filter_map(|raw| reader.signature(raw)).collect();
    let families = document.family.into_iter().filter_map(|raw| reader.signature(raw)).collect();
    reader.problems.sort_by_key(|problem| problem.line);
    if reader.problems.is_empty() {
        Ok(Signatures { exploits, families })
    } else {
        Err(SignaturesError { problems: reader.problems })
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// Checks signatures and collects problems.
struct Reader<'t> {
    text: &'t str,
    ids: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, offset: usize, message: String) {
        self.problems.push(Problem { line: line_at(self.text, offset), message });
    }

    /// Compiles a signature and reports every problem with it.
    fn signature(&mut self, raw: Spanned<RawSignature>) -> Option<Signature> {
        let at = raw.span().start;
        let RawSignature { id, name, title, ports, confidence, source, caveat, all, any } = raw.into_inner();
        let shown = id.get_ref().escape_debug().to_string();
        let stem = stem_of(id.get_ref());
        if stem.is_none() {
            self.problem(id.span().start, format!("the id \"{shown}\" is not a name and a version such as \"mozi/1\""));
        } else if !self.ids.insert(id.get_ref().clone()) {
            self.problem(id.span().start, format!("the id {shown} is used twice"));
        }
        let default = stem.unwrap_or_default().to_owned();
        let name = match name {
            Some(name) if is_name(name.get_ref()) => name.into_inner(),
            Some(name) => {
                let message = format!("the name of {shown} is not {NAME}");
                self.problem(name.span().start, message);
                default
            }
            None => default,
        };
        let letter = [Confidence::A, Confidence::B, Confidence::C, Confidence::D]
            .into_iter()
            .find(|letter| letter.name() == confidence.get_ref());
        if letter.is_none() {
            self.problem(confidence.span().start, format!("the confidence of {shown} is not A, B, C or D"));
        }
        for (key, text) in [("title", &title), ("source", &source), ("caveat", &caveat)] {
            if text.trim().is_empty() {
                self.problem(at, format!("the {key} of {shown} is empty"));
            }
        }
        if all.is_none() && any.is_none() {
            self.problem(at, format!("{shown} has no conditions: add the key all or any"));
        }
        let condition = self.lists(all, any, at, &shown, 0)?;
        Some(Signature { id: id.into_inner(), name, title, ports, confidence: letter?, source, caveat, condition })
    }

    /// The lists `all` and `any` of one table; if both are present, both must hold.
    fn lists(
        &mut self,
        all: Option<Vec<Spanned<RawCondition>>>,
        any: Option<Vec<Spanned<RawCondition>>>,
        at: usize,
        id: &str,
        depth: usize,
    ) -> Option<Condition> {
        if depth >= MAX_DEPTH {
            self.problem(at, format!("the conditions of {id} lie more than {MAX_DEPTH} deep"));
            return None;
        }
        let mut list = |written: Vec<Spanned<RawCondition>>| {
            if written.is_empty() {
                self.problem(at, format!("a list of conditions of {id} is empty"));
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

    fn condition(&mut self, written: Spanned<RawCondition>, id: &str, depth: usize) -> Option<Condition> {
        let at = written.span().start;
        let RawCondition { r#in, text, regex, ignore_case, all, any } = written.into_inner();
        let is_leaf = r#in.is_some() || text.is_some() || regex.is_some() || ignore_case.is_some();
        if !is_leaf && (all.is_some() || any.is_some()) {
            return self.lists(all, any, at, id, depth);
        }
        let ignore_case = ignore_case.unwrap_or_default();
        let compiled = match (r#in, text, regex) {
            _ if all.is_some() || any.is_some() => Err("has lists beside a text: move the text into a list".to_owned()),
            (Some(_), Some(text), None) if text.is_empty() => {
                Err("has an empty text, which would match everything".to_owned())
            }
            (Some(region), Some(text), None) => {
                Condition::text(region, &text, ignore_case).map_err(|error| format!("has an invalid text: {error}"))
            }
            (Some(region), None, Some(regex)) => {
                Condition::regex(region, &regex, ignore_case).map_err(|error| format!("has an invalid regex: {error}"))
            }
            (None, ..) => Err("has no region: add the key in".to_owned()),
            _ => Err("needs either text or regex".to_owned()),
        };
        compiled.map_err(|message| self.problem(at, format!("a condition of {id} {message}"))).ok()
    }
}

const NAME: &str = "1 to 64 letters, digits, dots, dashes";

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The name in an id, or `None` if the id is invalid.
fn stem_of(id: &str) -> Option<&str> {
    let (stem, version) = id.split_once('/')?;
    let is_version = version.parse::<u32>().is_ok_and(|number| number > 0 && number.to_string() == version);
    (is_name(stem) && is_version).then_some(stem)
}

#[cfg(test)]
mod tests;
