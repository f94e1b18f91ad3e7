use super::*;

fn rule(rest: &str) -> String {
    format!(
        "version = 1\n[[family]]\nid = \"a/1\"\ntitle = \"t\"\ncertainty = \"B\"\nsource = \"s\"\ncaveat = \"c\"\n{rest}\n"
    )
}

fn problems(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn a_rule_is_read() {
    let rules = parse(&rule("name = \"b\"\nports = [23]\nany = [{ in = \"any\", text = \"x\" }]")).unwrap();
    let [rule] = rules.families() else { panic!("{rules:?}") };
    assert_eq!((rule.id.as_str(), rule.name.as_str(), &rule.ports[..]), ("a/1", "b", &[23][..]));
    assert_eq!((rule.title.as_str(), rule.source.as_str(), rule.caveat.as_str()), ("t", "s", "c"));
    assert_eq!((rule.confidence, rules.exploits().len()), (Confidence::B, 0));
}

#[test]
fn what_is_wrong_is_said_with_the_line_and_the_id() {
    let any = |condition: &str| rule(&format!("any = [{condition}]"));
    for (text, expected) in [
        (String::new(), "line 1: missing field `version`"),
        ("version = 2".into(), "line 1: version 2 of the format is not known"),
        ("version = 1\nx = 1".into(), "line 2: unknown field `x`"),
        ("version = 1\n[[exploit]\n".into(), "line 2: "),
        ("version = 1\n[[exploit]]\nid = \"a/1\"\n".into(), "line 2: missing field `title`"),
        (rule(""), "line 2: a/1 has no conditions"),
        (rule("any = []"), "line 2: a list of conditions of a/1 is empty"),
        (rule("any = [{ in = \"any\", text = \"x\" }]\ncolor = 1"), "line 9: unknown field `color`"),
        (any("{ text = \"x\" }"), "line 8: a condition of a/1 does not say where"),
        (any("{ in = \"url\", text = \"x\" }"), "line 8: unknown variant `url`, expected one of `start`"),
        (any("{ in = \"any\" }"), "line 8: a condition of a/1 needs one of text and regex"),
        (any("{ in = \"any\", text = \"x\", regex = \"x\" }"), "needs one of text and regex"),
        (any("{ in = \"any\", text = \"\" }"), "has an empty text"),
        (any("{ in = \"any\", text = \"x\", any = [] }"), "has lists beside a text"),
        (any("{ in = \"any\", regex = \"(\" }"), "line 8: a condition of a/1 has a wrong regex: unclosed group"),
        (any("{ in = \"any\", regex = '\\p{Greek}' }"), "has a wrong regex: "),
        (any("{ in = \"any\", regex = 'a{500}{500}' }"), "has a wrong regex: it is too large"),
        (any("{ in = \"any\", regex = '(?:(?:(?:x{9}){9}){9}){9}' }"), "has a wrong regex: it is too large"),
        (any(&"{ any = [".repeat(8)).replace("any = [{ any = [{", "any = [{"), "line 8: "),
        (any(&format!("{}{}", "{ any = [".repeat(8), "] }".repeat(8))), "more than 8 deep"),
        (
            rule("any = [{ in = \"any\", text = \"x\" }]").replace("a/1", "a"),
            "line 3: the id \"a\" is not a name and a version",
        ),
        (rule("").replace("a/1", "a/01"), "is not a name and a version"),
        (rule("").replace("a/1", "/1"), "is not a name and a version"),
        (rule("").replace("a/1", "\\u001b[2J/1"), "line 3: the id \"\\u{1b}[2J/1\" is not a name"),
        (rule("").replace("\"B\"", "\"E\""), "line 5: the confidence of a/1 is not A, B, C or D"),
        (rule("").replace("\"s\"", "\" \""), "line 2: the source of a/1 is empty"),
        (rule("name = \"a b\""), "line 8: the name of a/1 is not 1 to 64 letters"),
        (rule("ports = [70000]"), "line 8: "),
    ] {
        assert!(problems(&text).contains(expected), "{text}\n{}\n{expected}", problems(&text));
    }
}

#[test]
fn everything_that_is_wrong_is_said_by_line() {
    let good = rule("any = [{ in = \"any\", text = \"x\" }]");
    let again = good.replace("version = 1\n", "").replace("\"B\"", "\"X\"");
    let text = format!("{good}{again}").replace("family", "exploit");
    assert_eq!(problems(&text), "line 10: a/1 is there twice\nline 12: the confidence of a/1 is not A, B, C or D");
    // The same id in both lists would be two rules with one name.
    assert!(problems(&format!("{good}{again}").replacen("family", "exploit", 1)).contains("twice"));
}

#[test]
fn all_and_any_together_must_both_hold() {
    let rules = parse(&rule(
        "all = [{ in = \"any\", text = \"a\" }, { any = [{ in = \"any\", text = \"b\" }, { in = \"any\", text = \"c\" }] }]\n\
         any = [{ in = \"start\", text = \"X\", ignore_case = true }, { in = \"start\", regex = 'q|z' }]",
    ))
    .unwrap();
    for (payload, expected) in
        [("xab", true), ("Xac", true), ("zab", true), ("ab", false), ("xa", false), ("abz", false)]
    {
        assert_eq!(rules.label(payload.as_bytes()).family.is_some(), expected, "{payload}");
    }
}
