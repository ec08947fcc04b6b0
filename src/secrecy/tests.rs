use super::*;

fn check_names(expected: bool, names: &[&str]) {
    for name in names {
        assert_eq!(is_secret_name(name), expected, "{name}");
    }
}

#[test]
fn names_tell_secrets() {
    check_names(
        true,
        &[
            "TOKEN",
            "GITHUB_TOKEN",
            "_authToken",
            "DB_PASSWORD",
            "dbpassword",
            "API_KEY",
            "aws_secret_access_key",
            "client-key-data",
            "--api-key",
            "OPENAI_APIKEY",
            "pass",
            "auth",
            "_auth",
            "MYSQL_PWD",
            "private_key",
            "identitytoken",
            "NPM_SECRET",
            "GPG_PASSPHRASE",
            "SSHPASS",
            "PASSWORD1",
            "DB_PASS1",
            "API_KEY_2",
            "SECRETS",
            "NPM_AUTH",
            "CREDENTIALS",
            "APP_SECRETKEY",
            "ACCESSKEY",
            "LICENSE_KEY",
            "COMPOSER_AUTH",
        ],
    );
}

#[test]
fn other_names_tell_none() {
    check_names(
        false,
        &[
            "",
            "PATH",
            "PWD",
            "GPG_KEY",
            "SSH_PUBLIC_KEY",
            "TOKENIZERS_PARALLELISM",
            "aws_access_key_id",
            "token_uri",
            "MAX_TOKENS",
            "PASSWORD_FILE",
            "DEBIAN_FRONTEND",
            "SECRET_VERSION",
            "KEY",
            "password-stdin",
            "author",
            "NODE_AUTH_TOKEN_TYPE",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "SSH_AUTH_SOCK",
            "TOKEN_SHA256",
            "sshpass",
            "GPG_KEY_1",
        ],
    );
}

fn check(text: &str, expected: &str, names: &[&str]) {
    let (hidden, secrets) = hide(text);
    let found: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
    assert_eq!((hidden.as_str(), &found[..]), (expected, names), "{text}");
}

#[test]
fn secrets_are_hidden_in_texts() {
    check("ENV TOKEN=a1b2c3", "ENV TOKEN=***", &["TOKEN"]);
    check("ENV TOKEN a1b2 c3", "ENV TOKEN ***", &["TOKEN"]);
    check(
        "RUN |2 A=b API_KEY=x9 /bin/sh -c y",
        "RUN |2 A=b API_KEY=*** /bin/sh -c y",
        &["API_KEY"],
    );
    check("RUN PASSWORD=a'X y' z", "RUN PASSWORD=*** z", &["PASSWORD"]);
    check("RUN PASSWORD=a\"X y\"b'c' z", "RUN PASSWORD=*** z", &["PASSWORD"]);
    check("RUN sh -c 'PASSWORD=aX y'", "RUN sh -c 'PASSWORD=*** y'", &["PASSWORD"]);
    check("[\"PASSWORD=aX\",\"b\"]", "[\"PASSWORD=***\",\"b\"]", &["PASSWORD"]);
    check("|2 A=b\nc TOKEN=x\ny9 /bin/sh -c z", "|2 A=b\nc TOKEN=*** /bin/sh -c z", &["TOKEN"]);
    check("RUN PASSWORD=\"a b\" c && d", "RUN PASSWORD=\"***\" c && d", &["PASSWORD"]);
    check(
        "RUN git clone https://me:t0psecret@git.example/x",
        "RUN git clone https://me:***@git.example/x",
        &["password for git.example"],
    );
    check("RUN login --password hunter2 -u x", "RUN login --password *** -u x", &["password"]);
    check(
        "RUN curl -H \"Authorization: Bearer abc.def\" u",
        "RUN curl -H \"Authorization: Bearer ***\" u",
        &["Authorization"],
    );
    check(
        "RUN hf login x ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "RUN hf login x ***",
        &["token that begins with ghp_"],
    );
    check("RUN curl -u me:s3cr3t u", "RUN curl -u me:*** u", &["password of curl"]);
    check("RUN sshpass -p s3cr3t ssh x", "RUN sshpass -p *** ssh x", &["password of sshpass"]);
    check(
        "RUN docker login -u a -p 'h2' r && mysql -u root -ph2 x",
        "RUN docker login -u a -p '***' r && mysql -u root -p*** x",
        &["password of login", "password of mysql"],
    );
    check(
        r#"CMD ["x","--password","h2","-v"]"#,
        r#"CMD ["x","--password","***","-v"]"#,
        &["password"],
    );
    check(r#"RUN echo {"auth":"YTpi"}"#, r#"RUN echo {"auth":"***"}"#, &["auth"]);
    check("RUN wget https://x/y?sig=ab12", "RUN wget https://x/y?sig=***", &["sig"]);
    check("RUN az --account-key ab12==", "RUN az --account-key ***", &["account-key"]);
}

#[test]
fn secrets_that_are_printed_for_a_program_are_hidden() {
    check(
        "RUN useradd a && echo a:h2 | chpasswd",
        "RUN useradd a && echo a:*** | chpasswd",
        &["password of a"],
    );
    check(
        "RUN echo -e \"root:h2\\nme:h3\\n\" | sudo /usr/sbin/chpasswd",
        "RUN echo -e \"root:***\\nme:***\\n\" | sudo /usr/sbin/chpasswd",
        &["password of root", "password of me"],
    );
    check("RUN chpasswd <<< 'root:h2'", "RUN chpasswd <<< 'root:***'", &["password of root"]);
    check(
        "RUN echo h2 | passwd --stdin me",
        "RUN echo *** | passwd --stdin me",
        &["password for passwd"],
    );
    check(
        "RUN echo 'h2' | docker login -u x --password-stdin",
        "RUN echo '***' | docker login -u x --password-stdin",
        &["password for docker"],
    );
    check("RUN useradd -p h2 me", "RUN useradd -p *** me", &["password of useradd"]);
    check(
        "RUN conda install -c https://conda.example/t/ab-1234-5678/main x",
        "RUN conda install -c https://conda.example/t/***/main x",
        &["token for conda.example"],
    );
}

#[test]
fn passwords_among_arguments_are_hidden() {
    let program = |text: &str, program: &str| {
        check(text, &text.replace("h2", "***"), &[&format!("password of {program}")]);
    };
    program("RUN sshpass -ph2 ssh x", "sshpass");
    program("RUN curl -uU:h2 u", "curl");
    program("RUN curl --user=U:h2 u", "curl");
    program("RUN curl -sSu 'U:h2' u", "curl");
    program("RUN x=$(/usr/bin/curl -u U:h2 u)", "curl");
    program("RUN curl \\\n  -u U:h2 u", "curl");
    program("RUN docker login -ph2 r", "login");
    program("RUN useradd -ph2 me; mkdir -p /a", "useradd");
    program("RUN mariadb -ph2", "mariadb");
    program("RUN mysqldump -u root '-ph2' db", "mysqldump");
    program("RUN htpasswd -bc f me h2", "htpasswd");
    program("RUN htpasswd -nb me h2 > f", "htpasswd");
    program("RUN htpasswd -nbB -C 12 me h2 > f", "htpasswd");
    program("RUN redis-cli -a h2 ping", "redis-cli");
    program("CMD [\"sshpass\",\"-ph2\",\"ssh\"]", "sshpass");
    program("CMD [\"sshpass\" \"-p\" \"h2\" \"ssh\"]", "sshpass");
    program("RUN openssl rsa -passin pass:h2 -in k", "openssl");
    let setting = |text: &str, name: &str| check(text, &text.replace("h2", "***"), &[name]);
    setting("RUN npm config set //r.example/:_authToken h2", "_authToken");
    setting("RUN aws configure set aws_secret_access_key h2", "aws_secret_access_key");
    setting("RUN echo \"machine h login u password h2\" > .netrc", "password");
    setting("RUN echo \"password = h2\" > f", "password");
    setting("RUN echo \"password: h2\" > f", "password");
    setting("RUN echo \"{\\\"password\\\":\\\"h2\\\"}\" > f", "password");
    setting("RUN echo h2 | sudo -S x", "password for sudo");
    setting("a:\n  password: h2\n", "password");
}

#[test]
fn secrets_in_headers_are_hidden() {
    let header = |text: &str, name: &str| check(text, &text.replace("h2", "***"), &[name]);
    header("RUN curl -H \"Authorization:Bearer h2\" u", "Authorization");
    header("RUN curl -H 'Authorization: h2' u", "Authorization");
    header("RUN curl -H Authorization:h2 u", "Authorization");
    header("RUN curl -H X-API-Key:h2 u", "X-API-Key");
    header("RUN curl -HX-API-Key:h2 u", "X-API-Key");
    header("RUN curl -H \"Cookie: h2\" u", "Cookie");
    header("RUN x '{\"Authorization\": \"Bearer h2\"}'", "Authorization");
}

#[test]
fn values_are_hidden_as_a_whole() {
    let variable = |value: &str, name: &str| {
        for before in ["ENV", "ENV A=b", "/bin/sh -c #(nop)  ENV", "RUN |1"] {
            let after = if before == "RUN |1" { " /bin/sh -c x" } else { " B=c" };
            let text = format!("{before} {name}={value}{after}");
            check(&text, &format!("{before} {name}=***{after}"), &[name]);
        }
    };
    for value in ["two words", "ab;X", "ab&X", "a'X", "a\"X", "a X", "a | b"] {
        variable(value, "PASSWORD");
    }
    variable("{\"github-oauth\":{\"github.com\":\"X\"}}", "COMPOSER_AUTH");
    check("RUN PASSWORD=\"a\\\"X\" y", "RUN PASSWORD=\"***\" y", &["PASSWORD"]);
    check(
        "CMD [\"sh\",\"-c\",\"TOKEN=\\\"ab\\\" x\"]",
        "CMD [\"sh\",\"-c\",\"TOKEN=\\\"***\\\" x\"]",
        &["TOKEN"],
    );
    check(
        "ENV SSH_PRIVATE_KEY=-----BEGIN RSA PRIVATE KEY-----\nX\nY",
        "ENV SSH_PRIVATE_KEY=***",
        &["SSH_PRIVATE_KEY"],
    );
    check(
        "RUN echo \"-----BEGIN PRIVATE KEY-----\nX\n-----END PRIVATE KEY-----\" > k && y",
        "RUN echo \"***\" > k && y",
        &["private key"],
    );
}

#[test]
fn passwords_in_urls_are_hidden() {
    let url = |text: &str| {
        check(text, &text.replace("tok3nx99", "***"), &["password for h.example"]);
    };
    url("git clone https://u:tok3nx99@h.example/y");
    url("git clone https://tok3nx99:x-oauth-basic@h.example/y");
    url("git clone https://tok3nx99:@h.example");
    check("x://u:a/X@h/y", "x://u:***@h/y", &["password for h"]);
}

#[test]
fn long_texts_take_linear_time_and_name_few() {
    let named = |part: &str| {
        let (hidden, secrets) = hide(&part.repeat(50_000));
        assert!(hidden.len() <= part.len() * 50_000 && secrets.len() <= MOST + 1, "{part}");
        secrets.last().map(|secret| secret.name.clone())
    };
    for part in ["<<<", "sudo <<<", "TOKEN=$", "/t/", "://", "hf_", "ENV TOKEN $ ", "cookie:", "a|"]
    {
        named(part);
    }
    assert_eq!(named("=TOKEN=\"").as_deref(), Some("group of 49899 further secrets"));
}

#[test]
fn what_is_no_secret_stays() {
    for harmless in [
        "RUN echo \"me:$PASSWORD\" | chpasswd && echo a | tee b",
        "RUN printf '%s:%s' me \"$P\" | chpasswd; echo a:b || chpasswd",
        "RUN curl https://x.example/t/some-topic/ /usr/t/ab-1234-5678/x",
        "RUN usermod -p '*' me && useradd -p $(openssl passwd x) you",
        "RUN mkdir -p /a/b && mysql -u root -p && ssh-keygen -p x && curl -u me u",
        "ENV GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
        "RUN --mount=type=secret,id=npm TOKEN=$(cat /run/secrets/npm) npm ci",
        "ARG TOKEN",
        "ENV TOKEN=",
        "RUN docker login --password-stdin registry.example",
        "RUN curl https://user@host.example/x http://a.example/@scope",
        "ENV JUPYTER_TOKEN=changeme TOKENIZERS_PARALLELISM=false",
        "RUN if [ \"$SECRET\" == \"\" ]; then x; fi",
        "RUN pip install hf_transfer sk-learn",
        "RUN read -p \"Password: \" X && [ \"$TOKEN\" = \"\" ] && [ x$TOKEN = xabc ]",
        "RUN git config --global credential.helper store && set -e",
        "ENV GOOGLE_APPLICATION_CREDENTIALS=/run/key.json SECRETS=/run/secrets/x",
        "RUN docker pull r.example/my-token:1.0 && apt-get install -y sshpass=1.09-1",
        "RUN curl http://h.example:8080/@scope/x -o /usr/bin/login -u me",
        "RUN htpasswd -c f me && redis-cli -h x && echo a | sudo tee b",
        "RUN echo \"-----BEGIN CERTIFICATE-----\nX\n-----END CERTIFICATE-----\" > c",
        "ARG NPM_AUTH=$A PASSWORD=${B} LICENSE_KEY",
    ] {
        check(harmless, harmless, &[]);
    }
}

#[test]
fn what_could_be_guessed_has_no_fingerprint() {
    assert_eq!(fingerprint(b"hunter2"), None);
    assert_eq!(fingerprint(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaa"), None);
    let random = b"9fQ2xLr8Vb1TzK6mWc3HsY7d";
    assert_eq!(fingerprint(random).map(|digits| digits.len()), Some(8));
}

#[test]
fn names_tell_nothing_in_records() {
    let check = |text: &str, expected: &str| assert_eq!(hide_in_record(text).0, expected);
    check(
        r#"{"jsonwebtoken": "^9.0", "libsecret": "=1"}"#,
        r#"{"jsonwebtoken": "^9.0", "libsecret": "=1"}"#,
    );
    check("p:so:libsecret-1.so.0=0.2100.4 pass=1.7", "p:so:libsecret-1.so.0=0.2100.4 pass=1.7");
    check(r#""url": "https://me:h2@x.example/y""#, r#""url": "https://me:***@x.example/y""#);
    check(
        r#""channel": "https://c.example/t/ab-1234-5678/m""#,
        r#""channel": "https://c.example/t/***/m""#,
    );
    check("https://x.example/y?a=b&token=h2", "https://x.example/y?a=b&token=***");
    check(r#"{"_authToken":"h2","auth":"^1.2"}"#, r#"{"_authToken":"***","auth":"^1.2"}"#);
    check(r#"{"auth": "h2", "token": "1.0"}"#, r#"{"auth": "***", "token": "1.0"}"#);
    check("Package: secret\nRemoteToken: h2\n", "Package: secret\nRemoteToken: ***\n");
}

#[test]
fn words_of_commands_are_hidden_one_by_one() {
    let check = |words: &[&str], expected: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(hide_in_words(&words).0, expected);
    };
    check(&["x", "--password", "h2", "-v"], &["x", "--password", "***", "-v"]);
    check(&["x", "--token=h2"], &["x", "--token=***"]);
    check(&["mysqladmin", "-ph2", "a b"], &["mysqladmin", "-p***", "a b"]);
    check(&["sh", "-c", "a\nb"], &["sh", "-c", "a b"]);
    check(&[], &[]);
}
