use proptest::prelude::*;

use super::*;

fn shown(command: &Command) -> String {
    let list = |words: &[String]| words.join(",");
    match &command.action {
        Action::Packages { manager, verb, packages } => {
            format!("{} {verb:?} {}", manager.as_str(), list(packages))
        }
        Action::Remove { paths } => format!("rm {}", list(paths)),
        Action::Move { sources, target } => format!("mv {} {target}", list(sources)),
        Action::Attributes { paths } => format!("attributes {}", list(paths)),
        Action::Download { urls } => format!("download {}", list(urls)),
        Action::Extract { archives } => format!("extract {}", list(archives)),
        Action::Clone { url } => format!("clone {url}"),
        Action::Copy { from, owner, sources, target } => format!(
            "copy {}:{} {target} {}",
            from.as_deref().unwrap_or(""),
            list(sources),
            owner.as_deref().unwrap_or("")
        ),
        other => format!("{other:?}"),
    }
}

fn check(instruction: &str, expected: &[&str]) {
    let found: Vec<String> = commands(instruction).iter().map(shown).collect();
    let found: Vec<&str> = found.iter().map(|text| text.trim_end()).collect();
    assert_eq!(found, expected, "{instruction}");
}

fn check_text(instruction: &str, expected: &[&str]) {
    let found: Vec<String> =
        commands(instruction).into_iter().map(|command| command.text).collect();
    assert_eq!(found, expected, "{instruction}");
}

#[test]
fn texts_are_cut_into_commands() {
    check_text("RUN a && b || c; d | e & f", &["a", "b", "c", "d", "e", "f"]);
    check_text("RUN echo 'a && b' \"c; d\" \\; e", &["echo 'a && b' \"c; d\" \\; e"]);
    check_text("RUN a $(b && c; (d)) && e", &["a $(b && c; (d))", "e"]);
    check_text("RUN a `b; c` && d", &["a `b; c`", "d"]);
    check_text("RUN a \\\n && b\nc # && d\ne", &["a", "b", "c", "e"]);
    check_text("RUN (cd /x && make)", &["cd /x", "make"]);
    check_text("RUN --mount=type=cache,target=/x --network=none a", &["a"]);
    check_text("RUN a > /x 2>&1 && b", &["a > /x 2>&1", "b"]);
    check_text(
        "RUN cat <<EOF > /x && y\na && b\nEOF\nc",
        &["cat <<EOF > /x", "y\na && b\nEOF", "c"],
    );
    check_text("RUN <<EOF\na\nb && c\nEOF", &["a", "b", "c"]);
    check_text("RUN bash <<-'X'\n\ta\n\tX\nb", &["a", "b"]);
    check_text("RUN bash -c 'a && b' && c", &["a", "b", "c"]);
    check_text("RUN bash -lc \"a; b\"", &["a", "b"]);
    check_text("RUN [\"/bin/sh\", \"-c\", \"a && b\"]", &["a", "b"]);
    check_text("RUN [\"a\", \"b\"]", &["[\"a\", \"b\"]"]);
    check_text("RUN a\nCOPY b /c\nWORKDIR /d\nRUN e", &["a", "COPY b /c", "e"]);
    check_text("ENV A=b", &[]);
    check_text("", &[]);
    check_text("layer 3", &[]);
}

#[test]
fn package_managers_are_recognised() {
    check(
        "RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -t sid jq curl=7 && rm -rf /var/lib/apt/lists/*",
        &["apt Refresh", "apt Install jq,curl=7", "rm /var/lib/apt/lists/*"],
    );
    check("RUN sudo -E apt-get -qq -o A=b purge gcc", &["apt Remove gcc"]);
    check(
        "RUN yum update -y && dnf -y install a && yum clean all",
        &["dnf Upgrade", "dnf Install a", "dnf Clean all"],
    );
    check(
        "RUN apk add --no-cache --virtual .build gcc && apk del .build",
        &["apk Install gcc", "apk Remove .build"],
    );
    check(
        "RUN conda install -n base -c conda-forge 'numpy>=1' && mamba env update -f e.yml",
        &["conda Install numpy>=1", "conda Upgrade"],
    );
    check("RUN mamba clean -afy", &["conda Clean"]);
    check("RUN python3 -m pip install --no-cache-dir -r r.txt numpy==1", &["pip Install numpy==1"]);
    check(
        "RUN /opt/venv/bin/pip3.11 install a && uv pip install b && uv sync",
        &["pip Install a", "pip Install b", "pip Install"],
    );
    check(
        "RUN npm ci && npm install -g yarn && npm cache clean --force && yarn",
        &["npm Install", "npm Install yarn", "npm Clean clean", "npm Install"],
    );
    check("RUN npm run build && cargo build --release && go build", &["Other", "Other", "Other"]);
    check(
        "RUN cargo install ripgrep && go install x@latest && gem install bundler",
        &["cargo Install ripgrep", "go Install x@latest", "gem Install bundler"],
    );
    check(
        "RUN Rscript -e 'install.packages(c(\"a\", \"b\"), repos=\"https://x\")'",
        &["R Install a,b"],
    );
    check("RUN install2.r --error -n 4 a b", &["R Install a,b"]);
    check(
        "RUN pacman -Syu --noconfirm gcc && pacman -Scc",
        &["pacman Install gcc", "pacman Clean"],
    );
    check(
        "RUN dpkg -i a.deb && rpm -e b && dpkg --list",
        &["apt Install a.deb", "dnf Remove b", "Other"],
    );
    check("RUN if x; then apt-get install -y a; fi", &["Other", "apt Install a", "Other"]);
}

#[test]
fn other_commands_are_recognised() {
    check("RUN rm -rf /a \"/b c\" && find /d -name '*.a' -delete", &["rm /a,/b c", "rm /d"]);
    check("RUN find / -name x -exec rm {} +", &["rm /"]);
    check("RUN mv /a /b /c", &["mv /a,/b /c"]);
    check(
        "RUN chown -R 1000:100 /home && fix-permissions /opt && chmod +x /a /b",
        &["attributes /home", "attributes /opt", "attributes /a,/b"],
    );
    check("RUN find /d -type f -exec chmod g+w {} +", &["attributes /d"]);
    check(
        "RUN curl -fsSL https://x.org/a.tgz | tar -xz -C /opt",
        &["download https://x.org/a.tgz", "extract"],
    );
    check(
        "RUN tar xf /a.tar.gz && tar --extract --file b.tgz && tar czf c.tgz d && unzip -q e.zip",
        &["extract /a.tar.gz", "extract b.tgz", "Other", "extract e.zip"],
    );
    check(
        "RUN git clone --depth 1 https://x.org/r.git /r && git -C /r checkout v1",
        &["clone https://x.org/r.git", "Other"],
    );
    check(
        "RUN ./configure && make -j4 install && cmake .. && strip /a",
        &["Build", "Build", "Build", "Strip"],
    );
    check(
        "RUN bash install.sh && ./x.sh && curl https://x.org/i | sh",
        &["Script", "Script", "download https://x.org/i", "Script"],
    );
    check("COPY --chown=1:2 --from=build a b /dst/", &["copy build:a,b /dst/ 1:2"]);
    check("COPY [\"a b\", \"/c\"]", &["copy :a b /c"]);
    check("COPY … /app", &["copy :… /app"]);
    check("ADD https://x.org/a /b", &["copy :https://x.org/a /b"]);
    check("COPY /a in /b", &["copy :/a /b"]);
    check("COPY", &[]);
}

#[test]
fn long_texts_take_bounded_time() {
    for piece in ["a && ", "bash -c '", "\"", "$(", "<<E\n", "a|", "\\", "(", "RUN a\n", "> "] {
        let text = format!("RUN {}", piece.repeat(400_000 / piece.len()));
        assert!(commands(&text).len() <= MAX_COMMANDS, "{piece}");
    }
}

proptest! {
    #[test]
    fn any_text_is_cut_without_panic(text in "(RUN |COPY |ADD |<<E\n|bash -c |'|\"|\\$\\(|\\)|`|\\\\|&&|;|\\||>|é| |\n|apt-get install |a|\\PC){0,30}") {
        for command in commands(&text) {
            prop_assert!(!command.text.is_empty());
        }
    }
}
