use proptest::prelude::*;

use super::*;

fn check_with(shell: &[&str], cases: &[(&str, &str)]) {
    let shell: Vec<String> = shell.iter().map(|&word| word.to_owned()).collect();
    for (created_by, expected) in cases {
        assert_eq!(clean(created_by, &shell), *expected, "{created_by:?}");
    }
}

fn check(cases: &[(&str, &str)]) {
    check_with(&[], cases);
}

#[test]
fn buildkit_entries() {
    check(&[
        (
            "RUN /bin/sh -c apt-get update && apt-get install -y curl # buildkit",
            "RUN apt-get update && apt-get install -y curl",
        ),
        ("RUN |2 A=b C=d /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |1 A= /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |1 A=two words /bin/sh -c make # buildkit", "RUN make"),
        ("RUN |1 A=b echo hi # buildkit", "RUN echo hi"),
        ("RUN echo hi # buildkit", "RUN echo hi"),
        ("RUN /bin/bash -o pipefail -c curl x | sh # buildkit", "RUN curl x | sh"),
        ("RUN /bin/sh -c sh -c 'a' /bin/sh -c b # buildkit", "RUN sh -c 'a' /bin/sh -c b"),
        ("RUN |1 A=b /bin/sh -c x /bin/sh -c y # buildkit", "RUN x /bin/sh -c y"),
        (
            "RUN /bin/sh -c echo '#(nop) COPY file:1 in /' # buildkit",
            "RUN echo '#(nop) COPY file:1 in /'",
        ),
        ("RUN /bin/sh -c echo \" # buildkit\" # buildkit", "RUN echo \" # buildkit\""),
        ("RUN /bin/sh -c # buildkit", "RUN /bin/sh -c"),
        ("RUN # buildkit", "RUN"),
        ("RUN /dev/pipes/EOF # buildkit", "RUN /dev/pipes/EOF"),
        ("COPY --chown=1:1 a b /dst # buildkit", "COPY --chown=1:1 a b /dst"),
        ("COPY /a in /b # buildkit", "COPY /a in /b"),
        ("ADD https://example.org/x.tgz /opt # buildkit", "ADD https://example.org/x.tgz /opt"),
        ("WORKDIR /app", "WORKDIR /app"),
        ("ENV A=b", "ENV A=b"),
        ("CMD [\"bash\"]", "CMD [\"bash\"]"),
        ("# buildkit", "# buildkit"),
    ]);
}

#[test]
fn heredocs_keep_their_lines_and_indentation() {
    check(&[
        (
            "RUN /bin/sh -c set -e\nfor x in 1 2; do\n  echo   $x\ndone\n # buildkit",
            "RUN set -e\nfor x in 1 2; do\n  echo $x\ndone",
        ),
        (
            "RUN /bin/sh -c python3 <<EOF\nif True:\n\tprint( 1 )  \n\t\nEOF # buildkit",
            "RUN python3 <<EOF\nif True:\n\tprint( 1 )\n\nEOF",
        ),
        ("RUN /bin/sh -c \napt-get update\n # buildkit", "RUN apt-get update"),
        ("RUN |1 A=b\nc /bin/sh -c x\ny # buildkit", "RUN x\ny"),
    ]);
}

#[test]
fn classic_entries() {
    check(&[
        (
            "/bin/sh -c #(nop) ADD file:ce026b62356eec3ad1214f92be2c9dc063fe205bd5e600be3492c4dfb17148bd in / ",
            "ADD … /",
        ),
        ("/bin/sh -c #(nop) COPY dir:7ec14b81316baa1a in /root/.data/ ", "COPY … /root/.data/"),
        ("/bin/sh -c #(nop) COPY multi:7ec1 in /a b/ ", "COPY … /a b/"),
        (
            "/bin/sh -c #(nop) COPY --chown=1000:1000 file:7ec1 in /x ",
            "COPY --chown=1000:1000 … /x",
        ),
        ("/bin/sh -c #(nop) COPY a in /x", "COPY a in /x"),
        ("/bin/sh -c #(nop) COPY file:7ec1 in", "COPY file:7ec1 in"),
        ("/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]"),
        (
            "/bin/sh -c #(nop)  CMD [\"nginx\" \"-g\" \"daemon off;\"]",
            "CMD [\"nginx\" \"-g\" \"daemon off;\"]",
        ),
        ("/bin/sh -c #(nop) WORKDIR /x", "WORKDIR /x"),
        ("/bin/sh -c #(nop) ENV A=b in c", "ENV A=b in c"),
        ("/bin/sh -c #(nop)", "RUN #(nop)"),
        ("#(nop) USER 1000", "USER 1000"),
        ("/bin/bash -o pipefail -c #(nop)  LABEL a=b", "LABEL a=b"),
        ("/bin/sh -c mkdir -p   /root/example\t&& true", "RUN mkdir -p /root/example && true"),
        ("|2 HTTP_PROXY=http://u:p@h TOKEN=s3cret value /bin/sh -c make", "RUN make"),
        ("|1 A=b /bin/bash -o pipefail -ec make", "RUN make"),
        ("/bin/bash -exo pipefail -c make", "RUN make"),
        ("/bin/sh -c echo x #(nop) COPY", "RUN echo x #(nop) COPY"),
        ("/bin/sh -c a; #(nop) COPY file:1 in /", "RUN a; #(nop) COPY file:1 in /"),
        ("/bin/sh -e script -c x", "/bin/sh -e script -c x"),
        ("/bin/sh script.sh", "/bin/sh script.sh"),
        ("/bin/sh", "/bin/sh"),
        ("/bin/sh -c", "/bin/sh -c"),
    ]);
}

#[test]
fn buildah_entries() {
    check(&[
        ("/bin/sh -c #(nop) COPY file:1a2b:3c in /dst --link", "COPY … /dst --link"),
        ("/bin/sh -c [\"a\",\"b\"]", "RUN [\"a\",\"b\"]"),
        ("/bin/sh -c #(nop) ARG FOO", "ARG FOO"),
        ("|1 FOO=bar /bin/sh -c [\"/bin/sh\", \"-c\", \"x\"]", "RUN [\"/bin/sh\", \"-c\", \"x\"]"),
    ]);
}

#[test]
fn other_tools_keep_their_words() {
    check(&[
        ("RUN apt-get update", "RUN apt-get update"),
        (
            "RUN --mount=type=cache,target=/x pip install a",
            "RUN --mount=type=cache,target=/x pip install a",
        ),
        ("RUN bash -c 'x'", "RUN bash -c 'x'"),
        ("RUN /bin/bash -c 'x /bin/sh -c y'", "RUN /bin/bash -c 'x /bin/sh -c y'"),
        ("COPY a b", "COPY a b"),
        ("ko build ko://example.org/cmd/app", "ko build ko://example.org/cmd/app"),
        ("jib-maven-plugin:3.4.0", "jib-maven-plugin:3.4.0"),
        ("apko", "apko"),
        ("bazel build ...", "bazel build ..."),
        ("bash", "bash"),
        (
            "# debian.sh --arch 'amd64' out/ 'bookworm' '@1714521600'",
            "# debian.sh --arch 'amd64' out/ 'bookworm' '@1714521600'",
        ),
        ("mount / from exec /bin/sh -c make", "mount / from exec /bin/sh -c make"),
        ("| tee x", "| tee x"),
        ("|x A=b /bin/sh -c y", "|x A=b /bin/sh -c y"),
        ("  two\t words \n", "two words"),
        ("", ""),
        (" \t\n", ""),
    ]);
}

#[test]
fn windows_entries() {
    check(&[
        ("cmd /S /C #(nop)  ENV A=b", "ENV A=b"),
        ("cmd /S /C #(nop) COPY file:1a in C:\\app ", "COPY … C:\\app"),
        ("cmd /S /C powershell -Command x", "RUN powershell -Command x"),
        ("RUN cmd /S /C dir C:\\ # buildkit", "RUN dir C:\\"),
        ("C:\\Windows\\System32\\cmd.exe /s /c dir", "RUN dir"),
        (
            "powershell -Command $ErrorActionPreference = 'Stop'; #(nop) COPY file:1a in C:\\ ",
            "COPY … C:\\",
        ),
        ("powershell -Command $x; #(nop) is a remark", "RUN $x; #(nop) is a remark"),
        ("powershell -Command Write-Host a; #(nop) COPY x", "RUN Write-Host a; #(nop) COPY x"),
        ("powershell -NoProfile -ExecutionPolicy Bypass -Command ls", "RUN ls"),
        ("powershell -File a.ps1 x -Command ls", "powershell -File a.ps1 x -Command ls"),
        ("|1 A=b c powershell -Command ls", "RUN ls"),
    ]);
}

#[test]
fn the_shell_of_the_image_is_cut_off() {
    check_with(
        &["/opt/my shell", "-x", "--"],
        &[
            ("/opt/my shell -x -- make", "RUN make"),
            ("/opt/my shell -x --make", "/opt/my shell -x --make"),
            ("/opt/my shell -x -- #(nop) ENV A=b", "ENV A=b"),
            ("|1 A=b /opt/my shell -x -- make /bin/sh -c x", "RUN make /bin/sh -c x"),
            ("RUN /opt/my shell -x -- make # buildkit", "RUN make"),
            ("RUN /opt/my shell -x -- make", "RUN make"),
            ("/bin/sh -c make", "RUN make"),
        ],
    );
    let powershell = ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"];
    check_with(
        &powershell,
        &[
            ("powershell -Command $ErrorActionPreference = 'Stop'; ls", "RUN ls"),
            ("powershell -Command $ErrorActionPreference = 'Stop'; #(nop)  USER x", "USER x"),
        ],
    );
    check_with(&[""], &[("make", "make")]);
}

#[test]
fn values_of_build_arguments_never_show() {
    check(&[
        ("|2 A=x /bin/sh -c y B=z /bin/sh -c make", "RUN make"),
        ("RUN |2 A=s3cret # buildkit", "RUN"),
        ("RUN |99999999999999999999999 A=s3cret B=s3cret make # buildkit", "RUN"),
        ("|1", "RUN"),
        ("|0 make", "RUN make"),
        ("|1 OPTS=-Dx=1 -Dy=2 /bin/sh -c make", "RUN make"),
        ("|1 A=b B=c /bin/sh -c make", "RUN make"),
    ]);
}

#[test]
fn control_characters_pass_through() {
    check(&[("/bin/sh -c \u{1b}[31mx\u{0}\r\ny", "RUN \u{1b}[31mx\u{0}\r\ny")]);
}

#[test]
fn a_text_of_a_megabyte_is_kept_whole() {
    let command = "echo a && ".repeat(100_000);
    let instruction = clean(&format!("RUN /bin/sh -c {command}true # buildkit"), &[]);
    assert_eq!(instruction, format!("RUN {command}true"));
}

#[test]
fn long_texts_take_linear_time() {
    let shell = vec!["a ".repeat(30_000)];
    let short = vec!["a".repeat(2), "a b".to_owned()];
    for piece in ["/bin/sh -o ", "a ", "/bin/sh", "#(nop) ", "A=b ", "\n", "cmd / ", " in "] {
        let text = piece.repeat(30_000 / piece.len());
        for prefix in ["", "RUN ", "|1 A=b ", "|9 ", "/bin/sh -c #(nop) COPY ", "powershell "] {
            let text = format!("{prefix}{text}");
            assert!(clean(&text, &shell).len() <= text.len() + 4);
            assert!(clean(&text, &short).len() <= text.len() + 4);
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_cut_without_panic(text in "(RUN |\\|[0-9]{1,3} |/bin/sh -c |cmd /S /C |#\\(nop\\) |COPY file:1 in |A=b |é|\n|\t|\\PC){0,20}") {
        let instruction = clean(&text, &["/bin/sh".to_owned(), "-c".to_owned()]);
        prop_assert_eq!(instruction.trim(), instruction.as_str());
    }
}

#[test]
fn only_instructions_without_files_are_metadata() {
    for (instruction, expected) in [
        ("CMD [\"sh\"]", true),
        ("ENV\tA=b", true),
        ("RUN x", false),
        ("COPY … /x", false),
        ("WORKDIR /x", false),
        ("cmd /S /C", false),
        ("", false),
    ] {
        assert_eq!(is_metadata(instruction), expected, "{instruction}");
    }
}
