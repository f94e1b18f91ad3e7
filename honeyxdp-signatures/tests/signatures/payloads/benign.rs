//! First payloads of legitimate clients. No signature may match.

/// Name and payload.
pub(crate) const BENIGN: &[(&str, &[u8])] = &[
    ("nothing", b""),
    ("NUL bytes", &[0; 64]),
    (
        "Firefox",
        b"GET / HTTP/1.1\r\nHost: 192.0.2.9\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
          Accept: text/html,*/*;q=0.8\r\nAccept-Language: en\r\nConnection: keep-alive\r\n\r\n",
    ),
    (
        "Chrome",
        b"GET /images/logo.png?size=2&theme=dark HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; \
          Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\nReferer: http://www.example.com/\r\n\r\n",
    ),
    (
        "a form",
        b"POST /login HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0\r\nContent-Type: application/x-www-form-urlencoded\
          \r\nContent-Length: 27\r\n\r\nuser=alice&password=s3cret+1",
    ),
    (
        "SOAP",
        b"POST /ctl/IPConn HTTP/1.1\r\nHost: 192.0.2.9:5000\r\nSOAPAction: \"urn:schemas-upnp-org:service:WANIPConnection:1#GetExternalIPAddress\"\r\n\r\n\
          <?xml version=\"1.0\"?><s:Envelope><s:Body><u:GetExternalIPAddress/></s:Body></s:Envelope>",
    ),
    ("curl", b"GET / HTTP/1.1\r\nHost: 192.0.2.9\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n"),
    ("Wget", b"GET /a.tar.gz HTTP/1.1\r\nHost: 192.0.2.9\r\nUser-Agent: Wget/1.21.3\r\nAccept: */*\r\n\r\n"),
    ("a page about curl", b"GET /docs/curl%20wget%20tftp.html?q=wget+or+curl HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"),
    ("zgrab", b"GET / HTTP/1.1\r\nHost: 192.0.2.9\r\nUser-Agent: Mozilla/5.0 zgrab/0.x\r\nAccept: */*\r\n\r\n"),
    ("a proxy's", b"CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\n\r\n"),
    (
        "TLS",
        b"\x16\x03\x01\x00\x4b\x01\x00\x00\x47\x03\x03\x8d\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff\x00\x01\x02\x03\x04\
          \x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x00\x00\x04\x13\x01\x13\x02\x01\x00\x00\x1a\x00\x00\x00\x10\x00\x0e\x00\x00\x0bexample.com",
    ),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
    (
        "SMB",
        b"\0\0\0\x54\xffSMB\x72\0\0\0\0\x18\x01\x28\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x2f\x4b\0\0\xc5\x5e\0\x31\0\x02LANMAN1.0\0\x02NT LM 0.12\0\x02SMB 2.002\0",
    ),
    ("RDP", b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0Cookie: mstshash=administr\r\n\x01\0\x08\0\x03\0\0\0"),
    ("DNS", b"\0\x1d\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01"),
    ("MQTT", b"\x10\x18\0\x04MQTT\x04\x02\0\x3c\0\x0csensor-00001"),
    ("SIP", b"OPTIONS sip:nm@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/TCP nm;branch=foo\r\nFrom: <sip:nm@nm>;tag=root\r\nUser-Agent: friendly\r\n\r\n"),
    ("Redis", b"*1\r\n$4\r\nINFO\r\n"),
    ("Redis in a line", b"INFO\r\n"),
    ("RTSP", b"OPTIONS rtsp://192.0.2.9/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
    ("telnet", b"\xff\xfd\x03\xff\xfb\x18\xff\xfb\x1f\xff\xfb\x20\xff\xfb\x21\xff\xfb\x22\xff\xfb\x27\xff\xfd\x05"),
    ("a person on telnet", b"alice\r\ns3cret\r\nls -l /bin/busybox\r\nexit\r\n"),
    ("MySQL", b"\x20\0\0\x01\x85\xa6\x03\0\0\0\0\x01\x21\0\0\0"),
    ("PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f"),
    ("a mail", b"EHLO mail.example.com\r\n"),
];
