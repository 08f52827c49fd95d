use proptest::prelude::*;

use super::*;

/// The assignment of `word` in `text`, as texts.
fn of<'t>(text: &'t str, word: &str) -> Option<(&'t str, &'t str, Style, bool)> {
    let at = text.find(word).unwrap();
    let found = around(text.as_bytes(), at..at + word.len(), Bounds::default())?;
    Some((&text[found.key], &text[found.value], found.style, found.literal))
}

/// Text, key, value, style.
const NOTATIONS: &[(&str, &str, &str, Style)] = {
    use Style::{
        Arrow, Call, Colon, Compare, Equals, Listed, Member, Named, Option, Pair, Space, Sql, XmlElement,
    };
    &[
        ("password = \"v w\"", "password", "v w", Equals),
        ("PASSWORD='v'", "PASSWORD", "v", Equals),
        ("my $db_password = 'v';", "db_password", "v", Equals),
        ("$this->password = \"v\";", "password", "v", Equals),
        ("password: str = \"v\"", "password", "v", Equals),
        ("let password: &'static str = \"v\";", "password", "v", Equals),
        ("password: Optional[str] = 'v'", "password", "v", Equals),
        ("var password string = \"v\"", "password", "v", Equals),
        ("password := \"v\"", "password", "v", Equals),
        ("@password ||= 'v'", "password", "v", Equals),
        ("password ?= v", "password", "v", Equals),
        ("char password[16] = \"v\";", "password", "v", Equals),
        ("config[\"password\"] = \"v\"", "password", "v", Equals),
        ("config['db.password']='v'", "db.password", "v", Equals),
        ("\"password\": \"v\"", "password", "v", Colon),
        ("{'password':'v'}", "password", "v", Colon),
        ("{\\\"password\\\": \\\"v\\\"}", "password", "v", Colon),
        ("{\\\\\\\"password\\\\\\\":\\\\\\\"v\\\\\\\"}", "password", "v", Colon),
        ("&quot;password&quot;: &quot;v&quot;", "password", "v", Colon),
        ("[\"password\", \"v\"]", "password", "v", Pair),
        ("[\"password\", \"v\",\n]", "password", "v", Pair),
        ("[\"password\", \"v\", \"w\"]", "password", "v", Listed),
        ("(\"password\", \"v\", \"w\")", "password", "v", Pair),
        ("password: v\nuser: w", "password", "v", Colon),
        ("  db_password: v # why", "db_password", "v", Colon),
        ("  - password: 'v'", "password", "v", Colon),
        ("password: |\n    v\nother: x", "password", "v", Colon),
        ("password: >-\n  v\n  w\nother: x", "password", "v\n  w", Colon),
        ("password: \"\"\"v\"\"\"", "password", "v", Colon),
        ("X-Password-Key: v\r\nHost: x", "X-Password-Key", "v", Colon),
        ("password => 'v',", "password", "v", Arrow),
        ("'password' => \"v\",", "password", "v", Arrow),
        ("password <- \"v\"", "password", "v", Arrow),
        ("--password v --user w", "password", "v", Option),
        ("--db-password=v w", "db-password", "v", Option),
        ("--password 'v w'", "password", "v w", Option),
        ("-Ddb.password=v -jar x", "db.password", "v", Option),
        ("[\"app\", \"--password\", \"v\"]", "password", "v", Option),
        ("[\"app\" \"--password\" \"v\"]", "password", "v", Option),
        ("[\"--password=v\"]", "password", "v", Option),
        ("<password>v</password>", "password", "v", XmlElement),
        ("<db.password type=\"s\">\n v\n</db.password>", "db.password", "v", XmlElement),
        ("<password><![CDATA[v]]></password>", "password", "v", XmlElement),
        ("<user name=\"u\" password=\"v\"/>", "password", "v", Equals),
        ("<key>password</key>\n\t<string>v</string>", "password", "v", Named),
        ("/a%3Fpassword%3Dv%26x%3Dy", "password", "v", Equals),
        ("{\"a\":\"b\\npassword=v\\nc=d\"}", "password", "v", Equals),
        ("<add key=\"password\" value=\"v\"/>", "password", "v", Named),
        ("<meta-data android:name=\"com.x.password\" android:value=\"v\"/>", "com.x.password", "v", Named),
        ("<entry key=\"password\">v</entry>", "password", "v", Named),
        ("{\"name\": \"password\", \"value\": \"v\"}", "password", "v", Named),
        ("{\\\"name\\\": \\\"password\\\", \\\"value\\\": \\\"v\\\"}", "password", "v", Named),
        ("- name: DB_password\n  value: v\n", "DB_password", "v", Named),
        ("- name: DB_password\n  value: \"v\"\n", "DB_password", "v", Named),
        ("ALTER USER x WITH PASSWORD 'v'", "PASSWORD", "v", Sql),
        ("setPassword(\"v\")", "setPassword", "v", Call),
        (".password('v')", "password", "v", Member),
        ("x.password('v')", "x.password", "v", Member),
        (":password \"v\"", "password", "v", Pair),
        ("set :password, \"v\"", "password", "v", Pair),
        ("{password, \"v\"}", "password", "v", Pair),
        ("std::string password{\"v\"};", "password", "v", Equals),
        ("#define DB_PASSWORD \"v\"", "DB_PASSWORD", "v", Equals),
        ("password := []byte(\"v\")", "password", "v", Equals),
        ("set -gx DB_PASSWORD v", "DB_PASSWORD", "v", Space),
        ("proxy_set_header X-Password-Key \"v\";", "X-Password-Key", "v", Space),
        ("<param-name>password</param-name>\n <param-value>v</param-value>", "password", "v", Named),
        ("<key>password</key><string>v</string>", "password", "v", Named),
        ("<property name=\"password\">\n<value>v</value></property>", "password", "v", Named),
        ("variable \"password\" {\n type = string\n default = \"v\"\n}", "password", "v", Named),
        ("\"password\": {\"value\": \"v\"}", "password", "v", Colon),
        ("a=b%26password%3Dv%26c", "password", "v", Equals),
        ("\"A=1\\npassword=v\\n\"", "password", "v", Equals),
        ("\"u = x\\npassword = v\\n\"", "password", "v", Equals),
        ("the password for the portal is v1\n", "password", "v1", Space),
        ("user `u`, password `v`", "password", "v", Space),
        ("CREATE USER x IDENTIFIED BY \"v\" DEFAULT", "IDENTIFIED", "v", Sql),
        ("strcpy(password, \"v\");", "password", "v", Pair),
        ("env.put(Context.PASSWORD, \"v\");", "Context.PASSWORD", "v", Pair),
        ("p.add_argument('--password', default='v', help='x')", "password", "v", Option),
        ("**Password:** v\n", "Password", "v", Colon),
        ("**Password**: v\n", "Password", "v", Colon),
        ("password: &anchor \"v\"", "password", "v", Colon),
        ("IDENTIFIED BY v USING", "IDENTIFIED", "v", Sql),
        ("contraseña=v", "contraseña", "v", Equals),
        ("put(\"password\", \"v\")", "password", "v", Pair),
        ("define( 'DB_PASSWORD', 'v' );", "DB_PASSWORD", "v", Pair),
        ("if (password == \"v\")", "password", "v", Compare),
        ("if password !== 'v'", "password", "v", Compare),
        ("x = process.env.DB_PASSWORD || 'v';", "process.env.DB_PASSWORD", "v", Compare),
        ("npm config set password v", "password", "v", Space),
        ("echo \"password v\" >> x", "password", "v", Space),
        ("nuget -Password v -x", "Password", "v", Option),
        ("gradle -Ppassword=v x", "password", "v", Option),
        ("password v\n", "password", "v", Space),
        ("ENV DB_password v", "DB_password", "v", Space),
        ("machine h login u password v", "password", "v", Space),
        ("export DB_PASSWORD=v", "DB_PASSWORD", "v", Equals),
        ("A_PASSWORD=v npm ci", "A_PASSWORD", "v", Equals),
        ("RUN |1 PASSWORD=v /bin/sh -c x", "PASSWORD", "v", Equals),
        ("echo \"export PASSWORD=v\" >> x", "PASSWORD", "v", Equals),
        ("\"PASSWORD=v\"", "PASSWORD", "v", Equals),
        ("Server=x;Password=v;Pooling=true", "Password", "v", Equals),
        ("https://h/p?password=v&x=y", "password", "v", Equals),
        ("\"DB_PASSWORD=v\\nUSER=w\"", "DB_PASSWORD", "v", Equals),
        ("password=a b c", "password", "a", Equals),
        ("password = a b c", "password", "a b c", Equals),
        ("password = v ; x", "password", "v ; x", Equals),
        ("password: ${PASSWORD:-v}", "password", "v", Colon),
        ("${DB_PASSWORD:-v}", "DB_PASSWORD", "v", Equals),
        ("password = os.environ.get(\"PW\", \"v\")", "password", "v", Equals),
        ("password = process.env.PW || 'v';", "password", "v", Equals),
        ("'password' => env('PW', 'v'),", "password", "v", Arrow),
        ("password = SecretStr(\"v\")", "password", "v", Equals),
        ("password = r\"v\"", "password", "v", Equals),
        ("password=N'v'", "password", "v", Equals),
        ("password = 'it''s'", "password", "it''s", Equals),
        ("password = \"a\\\"b\"", "password", "a\\\"b", Equals),
    ]
};

#[test]
fn each_notation_gives_key_and_value() {
    for (text, key, value, style) in NOTATIONS {
        let word = ["password", "Password", "PASSWORD", "IDENTIFIED", "contrase"]
            .into_iter()
            .find(|word| text.contains(word))
            .unwrap();
        assert_eq!(of(text, word), Some((*key, *value, *style, true)), "{text}");
    }
}

#[test]
fn what_is_looked_up_or_computed_is_no_literal() {
    for text in [
        "password = getPassword()",
        "password = other;",
        "password: passwordSchema,",
        "{password: password}",
        "password = a + b",
        "password: config.get('x')",
        "password = $OTHER",
        "password=${OTHER}",
        "password=$(cat x)",
        "password: {{ .Values.x }}",
        "password => $x",
        "password = \"a\" + b",
        "password = \"%s\" % x",
        "password = new Password(x)",
        "self.password = password",
    ] {
        let found = of(text, "password");
        assert!(found.is_none_or(|found| !found.3), "{text}: {found:?}");
    }
}

#[test]
fn what_is_no_assignment_gives_none() {
    for text in [
        "the password is wrong",
        "\"password is wrong\"",
        "https://password:x@host/",
        "password",
        "password::new",
        "password?",
        "password = \"\"",
        "password:",
        "password:\n  user: x",
        "</password>",
        "<password/>",
        "password('x'",
        "if password =~ x",
        "password, user",
        "x = password",
        "password -> x",
        "checksum/password: 9f86d081884c7d659a2feaa0c55ad015",
    ] {
        let found =
            of(text, "password").filter(|found| found.3 && !matches!(found.2, Style::Call | Style::Member));
        assert_eq!(found, None, "{text}");
    }
}

#[test]
fn authorization_gives_what_follows_the_scheme() {
    for text in [
        "Authorization: Bearer v",
        "curl -H \"Authorization: Bearer v\" x",
        "curl -H 'authorization: token v' x",
        "\"Authorization\": \"Basic v\"",
        "headers.put(\"Authorization\", \"Bearer v\")",
        "Proxy-Authorization: Basic v\r\n",
    ] {
        let at = text.to_lowercase().find("authorization").unwrap();
        let found = around(text.as_bytes(), at..at + 13, Bounds::default()).unwrap();
        assert_eq!(&text[found.value], "v", "{text}");
    }
}

#[test]
fn a_value_that_is_cut_is_none() {
    let text = b"password=abc";
    let open = Bounds { start: true, end: false };
    assert!(around(text, 0..8, Bounds::default()).is_some());
    assert_eq!(around(text, 0..8, open), None);
    let long = format!("password=\"{}\"", "a".repeat(VALUE_BYTES + 1));
    assert_eq!(around(long.as_bytes(), 0..8, Bounds::default()), None);
    let long_key = format!("{}password=abc", "a".repeat(KEY_BYTES + 1));
    assert_eq!(around(long_key.as_bytes(), KEY_BYTES + 1..KEY_BYTES + 9, Bounds::default()), None);
}

proptest! {
    #[test]
    fn ranges_lie_in_the_text(
        before in "[ \\x00-\\x7f]{0,40}",
        after in "[ :=\"'\\\\,(<>|\n${}a-c-]{0,60}",
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let text = [before.as_bytes(), b"password", after.as_bytes(), &bytes].concat();
        let keyword = before.len()..before.len() + 8;
        if let Some(found) = around(&text, keyword.clone(), Bounds::default()) {
            prop_assert!(found.key.start <= keyword.start && found.key.end >= keyword.start);
            prop_assert!(found.value.start < found.value.end && found.value.end <= text.len());
            prop_assert!(found.key.end <= found.value.start);
        }
    }

    #[test]
    fn a_window_gives_what_the_whole_text_gives(
        before in "[ a-z=\"\n]{0,400}", after in "[ =:\"'a-z]{0,80}", tail in "[a-z \n]{0,40}",
    ) {
        let whole = [before.as_str(), "password", &after, "\n", &tail].concat();
        let start = before.len();
        let from = start.saturating_sub(2 * KEY_BYTES + 32);
        let window = &whole.as_bytes()[from..];
        let full = around(whole.as_bytes(), start..start + 8, Bounds::default());
        let part = around(window, start - from..start - from + 8, Bounds::default());
        let moved = part.map(|found| Assignment {
            key: found.key.start + from..found.key.end + from,
            value: found.value.start + from..found.value.end + from,
            ..found
        });
        prop_assert_eq!(full, moved);
    }
}
