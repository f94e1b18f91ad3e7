use super::*;

fn signature(rest: &str) -> String {
    format!(
        "version = 1\n[[family]]\nid = \"a/1\"\ntitle = \"t\"\nconfidence = \"B\"\nsource = \"s\"\ncaveat = \"c\"\n{rest}\n"
    )
}

fn problems(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn parses_a_signature() {
    let signatures = parse(&signature("name = \"b\"\nports = [23]\nany = [{ in = \"any\", text = \"x\" }]")).unwrap();
    let [signature] = signatures.families() else { panic!("{signatures:?}") };
    assert_eq!((signature.id.as_str(), signature.name.as_str(), &signature.ports[..]), ("a/1", "b", &[23][..]));
    assert_eq!((signature.title.as_str(), signature.source.as_str(), signature.caveat.as_str()), ("t", "s", "c"));
    assert_eq!((signature.confidence, signatures.exploits().len()), (Confidence::B, 0));
}

#[test]
fn problem_names_line_and_id() {
    let any = |condition: &str| signature(&format!("any = [{condition}]"));
    for (text, expected) in [
        (String::new(), "line 1: missing field `version`"),
        ("version = 2".into(), "line 1: version 2 of the format is not supported"),
        ("version = 1\nx = 1".into(), "line 2: unknown field `x`"),
        ("version = 1\n[[exploit]\n".into(), "line 2: "),
        ("version = 1\n[[exploit]]\nid = \"a/1\"\n".into(), "line 2: missing field `title`"),
        (signature(""), "line 2: a/1 has no conditions"),
        (signature("any = []"), "line 2: a list of conditions of a/1 is empty"),
        (signature("any = [{ in = \"any\", text = \"x\" }]\ncolor = 1"), "line 9: unknown field `color`"),
        (any("{ text = \"x\" }"), "line 8: a condition of a/1 has no region"),
        (any("{ in = \"url\", text = \"x\" }"), "line 8: unknown variant `url`, expected one of `start`"),
        (any("{ in = \"any\" }"), "line 8: a condition of a/1 needs either text or regex"),
        (any("{ in = \"any\", text = \"x\", regex = \"x\" }"), "needs either text or regex"),
        (any("{ in = \"any\", text = \"\" }"), "has an empty text"),
        (any("{ in = \"any\", text = \"x\", any = [] }"), "has lists beside a text"),
        (any("{ in = \"any\", regex = \"(\" }"), "line 8: a condition of a/1 has an invalid regex: unclosed group"),
        (any("{ in = \"any\", regex = '\\p{Greek}' }"), "has an invalid regex: "),
        (any("{ in = \"any\", regex = 'a{500}{500}' }"), "has an invalid regex: it is too large"),
        (any("{ in = \"any\", regex = '(?:(?:(?:x{9}){9}){9}){9}' }"), "has an invalid regex: it is too large"),
        (any(&"{ any = [".repeat(8)).replace("any = [{ any = [{", "any = [{"), "line 8: "),
        (any(&format!("{}{}", "{ any = [".repeat(8), "] }".repeat(8))), "more than 8 deep"),
        (
            signature("any = [{ in = \"any\", text = \"x\" }]").replace("a/1", "a"),
            "line 3: the id \"a\" is not a name and a version",
        ),
        (signature("").replace("a/1", "a/01"), "is not a name and a version"),
        (signature("").replace("a/1", "/1"), "is not a name and a version"),
        (signature("").replace("a/1", "\\u001b[2J/1"), "line 3: the id \"\\u{1b}[2J/1\" is not a name"),
        (signature("").replace("\"B\"", "\"E\""), "line 5: the confidence of a/1 is not A, B, C or D"),
        (signature("").replace("\"s\"", "\" \""), "line 2: the source of a/1 is empty"),
        (signature("name = \"a b\""), "line 8: the name of a/1 is not 1 to 64 letters"),
        (signature("ports = [70000]"), "line 8: "),
    ] {
        assert!(problems(&text).contains(expected), "{text}\n{}\n{expected}", problems(&text));
    }
}

#[test]
fn reports_all_problems_by_line() {
    let good = signature("any = [{ in = \"any\", text = \"x\" }]");
    let again = good.replace("version = 1\n", "").replace("\"B\"", "\"X\"");
    let text = format!("{good}{again}").replace("family", "exploit");
    assert_eq!(
        problems(&text),
        "line 10: the id a/1 is used twice\nline 12: the confidence of a/1 is not A, B, C or D"
    );
    // An id must be unique across both lists.
    assert!(problems(&format!("{good}{again}").replacen("family", "exploit", 1)).contains("used twice"));
}

#[test]
fn all_and_any_must_both_hold() {
    let signatures = parse(&signature(
        "all = [{ in = \"any\", text = \"a\" }, { any = [{ in = \"any\", text = \"b\" }, { in = \"any\", text = \"c\" }] }]\n\
         any = [{ in = \"start\", text = \"X\", ignore_case = true }, { in = \"start\", regex = 'q|z' }]",
    ))
    .unwrap();
    for (payload, expected) in
        [("xab", true), ("Xac", true), ("zab", true), ("ab", false), ("xa", false), ("abz", false)]
    {
        assert_eq!(signatures.classify(payload.as_bytes()).family.is_some(), expected, "{payload}");
    }
}
