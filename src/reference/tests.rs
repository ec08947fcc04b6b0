use super::*;
use proptest::prelude::*;

fn digest() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

#[test]
fn references_mean_what_docker_users_mean() {
    let check = |typed: &str, expected: &str| {
        let reference: Reference = typed.parse().unwrap_or_else(|error| panic!("{typed}: {error}"));
        assert_eq!(reference.to_string(), expected, "{typed}");
    };
    let digest = digest();
    check("ubuntu", "docker.io/library/ubuntu:latest");
    check("rocker/ml:4.4", "docker.io/rocker/ml:4.4");
    check("docker.io/ubuntu:24.04", "docker.io/library/ubuntu:24.04");
    check("index.docker.io/rocker/ml", "docker.io/rocker/ml:latest");
    check("registry-1.docker.io/library/ubuntu", "docker.io/library/ubuntu:latest");
    check(&format!("ghcr.io/o/r@{digest}"), &format!("ghcr.io/o/r@{digest}"));
    check(&format!("ghcr.io/o/r:v1@{digest}"), &format!("ghcr.io/o/r:v1@{digest}"));
    check("localhost/x", "localhost/x:latest");
    check("localhost:5000/x:1", "localhost:5000/x:1");
    check("[::1]:5000/x", "[::1]:5000/x:latest");
    check("[::1]/x", "[::1]/x:latest");
    check("127.0.0.1:5000/a/b/c__d-e.f:T_1", "127.0.0.1:5000/a/b/c__d-e.f:T_1");
    check("GHCR.io/o/r", "ghcr.io/o/r:latest");
    check("a--b/c", "docker.io/a--b/c:latest");
}

#[test]
fn the_digest_wins_over_the_tag() {
    let reference: Reference = format!("r/x:old@{}", digest()).parse().unwrap();
    assert_eq!(reference.version(), digest());
    assert_eq!(reference.tag(), Some("old"));
}

#[test]
fn malformed_references_name_what_is_wrong() {
    let check = |typed: &str, expected: &str| {
        let error = typed.parse::<Reference>().expect_err(typed);
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error}: {source}").contains(expected), "{typed}: {error}: {source}");
    };
    check("", "is empty");
    check("UPPER/case", "'U' (character 1)");
    check("ghcr.io/Owner/x", "'O' (character 9)");
    check("a//b", "'/' (character 3)");
    check("a/", "'/' (character 2)");
    check("/a", "'/' (character 1)");
    check("a/../b", "'.' (character 3)");
    check("a/b-", "'-' (character 4)");
    check("a___b", "'_' (character 2)");
    check("a:b:c", "':' (character 2)");
    check("a:-x", "'-' (character 3)");
    check("a:", "a tag has 1 to 128");
    check(&format!("a:{}", "t".repeat(129)), "a tag has 1 to 128");
    check(&"n".repeat(256), "longer than 255");
    check("host:99999/x", "1 to 65535");
    check("host:0/x", "1 to 65535");
    check("host:/x", "1 to 65535");
    check("host:+80/x", "1 to 65535");
    check("[::zz]:5000/x", "IPv6");
    check("[::1]5000/x", "IPv6");
    check("b\u{fc}cher.example/x", "xn--");
    check("-x.example/y", "letters, digits");
    check("https://ghcr.io/o/r", "leave out \"https://\"");
    check("a\u{1b}[31mb", "\\u{1b}");
    check("a\nb", "'\\n' (character 2)");
    check("a\u{202e}b", "(character 2)");
    check("a@sha256:ABC", "is not a digest");
    check("a@sha256:../../x", "is not a digest");
    check("a@md5:d41d8cd98f00b204e9800998ecf8427e", "is not a digest");
}

#[test]
fn passwords_are_not_repeated() {
    for typed in [
        "user:s3cret@host/x",
        "https://user:s3cret@host/x",
        "user:s3cret@host:5000/x@sha256:00",
        "user:s3cret@sha.example/x",
        "user:s3cret@host",
        "user:p@s3cret@host/x",
        "user:s3cret@sha256:0@host/x",
    ] {
        let error = typed.parse::<Reference>().unwrap_err();
        assert_eq!(error, ReferenceError::UserInfo, "{typed}");
        assert!(!format!("{error:?} {error}").contains("s3cret"));
        assert!(!without_password(typed).contains("s3cret"), "{typed}");
    }
    let error = "user:s3cret@host:5000".parse::<Reference>().unwrap_err();
    assert!(!format!("{error:?} {error}").contains("s3cret"), "{error}");
    for typed in
        ["debian:12", "host:5000/x:1@sha256:abc", "debian@md5:00", "docker-archive:/tmp/x.tar:@0"]
    {
        assert_eq!(without_password(typed), typed);
    }
}

proptest! {
    #[test]
    fn accepted_references_read_back_as_themselves(typed in "[a-zA-Z0-9.:/@_\\[\\]-]{1,40}") {
        if let Ok(reference) = typed.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference));
        }
    }

    #[test]
    fn any_text_is_a_reference_or_an_error(typed in "\\PC{0,60}") {
        let _ = typed.parse::<Reference>();
        let _ = typed.parse::<Source>();
    }
}
