use crate::rule::testing::found;
use crate::rule::{Finding, Piece, Severity};

const RANDOM: &str = "9fQ2xLr8Vb1TzK6mWc3HsY7d";

fn text(finding: &Finding) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Words(words) => (*words).to_owned(),
        Piece::Name(name) => name.clone(),
        Piece::Bytes(number) | Piece::Count(number) | Piece::Share(number) => number.to_string(),
    };
    finding.message.0.iter().map(piece).collect()
}

fn check(rule: &str, image: &str, expected: &[(Severity, &str)]) {
    let findings = found(&image.replace("RANDOM", RANDOM), &[rule]);
    assert!(!format!("{findings:?}").contains(RANDOM), "the value is told");
    let mut told: Vec<(Severity, String)> =
        findings.iter().map(|finding| (finding.severity, text(finding))).collect();
    told.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let told: Vec<(Severity, &str)> =
        told.iter().map(|(severity, text)| (*severity, text.as_str())).collect();
    assert_eq!(told, expected, "{image}");
    assert!(findings.iter().all(|finding| finding.net.content == 0));
}

const KEY: &str = "\"-----BEGIN RSA PRIVATE KEY-----\\nRANDOM\\n\"";

#[test]
fn private_keys() {
    let image = format!(
        "COPY . /\n  root/.ssh/id_rsa = {KEY}\n  app/tls.pem = \"-----BEGIN ENCRYPTED PRIVATE KEY-----\"\n"
    );
    check(
        "secret-private-keys",
        &image,
        &[
            (Severity::Critical, "There is a key: private key, /root/.ssh/id_rsa"),
            (Severity::High, "There is a key: encrypted private key, /app/tls.pem"),
        ],
    );
    let harmless = format!(
        "COPY . /\n  app/tests/server.key = {KEY}\n  etc/ssl/cert.pem = \"-----BEGIN CERTIFICATE-----\"\n"
    );
    check("secret-private-keys", &harmless, &[]);
}

#[test]
fn credentials() {
    check(
        "secret-credentials",
        "
RUN npm ci
  root/.npmrc = \"//registry.npmjs.org/:_authToken=RANDOM\\n\"
  app/.env = \"DB_PASSWORD=hunter2\\nAPI_KEY=RANDOM\\n\"
",
        &[
            (Severity::Critical, "Credentials at /app/.env: API_KEY, DB_PASSWORD"),
            (Severity::Critical, "Credentials at /root/.npmrc: _authToken"),
        ],
    );
    check(
        "secret-credentials",
        "
COPY . .
  root/.npmrc = \"//registry.npmjs.org/:_authToken=${NPM_TOKEN}\\n\"
  app/.env = \"DB_PASSWORD=changeme\\n\"
  app/.env.example = \"DB_PASSWORD=hunter2\\n\"
",
        &[],
    );
}

#[test]
fn in_history_or_env() {
    check(
        "secret-in-history-or-env",
        "
ENV API_TOKEN=RANDOM
ENV MODE=fast
RUN pip install --index-url https://me:hunter2@pypi.example/simple x
  a 1
",
        &[
            (Severity::Critical, "The environment sets API_TOKEN"),
            (Severity::High, "The history has a password for pypi.example in step 1"),
        ],
    );
    check(
        "secret-in-history-or-env",
        "
LABEL org.example.api-token=hunter2
LABEL org.example.source=https://me:hunter2@git.example/x
LABEL org.example.token-url=https://git.example/
ANNOTATION org.example.password=hunter2
ENTRYPOINT serve --auth-token hunter2
CMD --key=x --token RANDOM
RUN echo root:hunter2 | chpasswd && conda install -c https://c.example/t/ab-RANDOM/main x
  a 1
RUN echo ghp_RANDOM
  a 1
",
        &[
            (Severity::Critical, "The command that starts a container has token"),
            (Severity::Critical, "The history has a token for c.example in step 1"),
            (Severity::Critical, "The history has a token that begins with ghp_ in step 2"),
            (Severity::High, "The annotation org.example.password has a value"),
            (Severity::High, "The command that starts a container has auth-token"),
            (Severity::High, "The history has a password of root in step 1"),
            (Severity::High, "The label org.example.api-token has a value"),
            (Severity::High, "The label org.example.source has a password for git.example"),
        ],
    );
    check(
        "secret-in-history-or-env",
        "
ENV GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568
ENV TOKEN_FILE=/run/secrets/token
RUN TOKEN=$(cat /run/secrets/token) curl https://example.com/x
  a 1
",
        &[],
    );
}

#[test]
fn recoverable() {
    check(
        "secret-recoverable",
        "
COPY .netrc /root/
  root/.netrc = \"machine h login u password hunter2\"
RUN pip install x && rm /root/.netrc
  -root/.netrc
",
        &[(
            Severity::Critical,
            "password at /root/.netrc is hidden by layer 1 and still in layer 0 of every published tag",
        )],
    );
    check(
        "secret-recoverable",
        "
RUN touch /root/.netrc
  root/.netrc = \"machine h login u\"
RUN rm /root/.netrc
  -root/.netrc
",
        &[],
    );
}

#[test]
fn shared_identity() {
    check(
        "secret-shared-identity",
        "
RUN apt-get install -y openssh-server
  etc/ssh/ssh_host_rsa_key 2000
  etc/ssh/ssh_host_rsa_key.pub 400
  etc/machine-id 33
",
        &[
            (
                Severity::Medium,
                "All containers share the host key of the SSH server, /etc/ssh/ssh_host_rsa_key",
            ),
            (Severity::Medium, "All containers share the id of the machine, /etc/machine-id"),
        ],
    );
    check(
        "secret-shared-identity",
        "
RUN x
  etc/machine-id 14
  backup/ssh_host_rsa_key 2000
",
        &[],
    );
}
