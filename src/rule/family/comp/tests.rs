use crate::rule::testing::{check, found};
use crate::rule::{Risk, Severity};

const FREESURFER: &str = "
base: ADD rootfs /
  usr/bin/x 900_000_000
RUN curl https://x/freesurfer-linux-7.tar.gz | tar xz -C /opt
  opt/freesurfer/SetUpFreeSurfer.sh 100
  opt/freesurfer/bin/recon-all 400_000_000
  opt/freesurfer/subjects/bert/T1.mgz 300_000_000
  opt/freesurfer/subjects/fsaverage/T1.mgz 200_000_000
  opt/freesurfer/trctrain/a 100_000_000
  opt/freesurfer/docs/manual 60_000_000
";

#[test]
fn parts() {
    check("comp-parts", FREESURFER, &[400_000_000, 60_000_000]);
    let findings = found(FREESURFER, &["comp-parts"]);
    let risks: Vec<Risk> = findings.iter().map(|finding| finding.risk).collect();
    assert!(risks.contains(&Risk::Review) && risks.contains(&Risk::Test), "{risks:?}");
    let review = findings.iter().find(|finding| finding.risk == Risk::Review).unwrap();
    let snippet = "RUN curl https://x/freesurfer-linux-7.tar.gz | tar xz -C /opt \\\n \
                   && rm -rf /opt/freesurfer/subjects/bert /opt/freesurfer/trctrain\n\
                   # or leave them out while unpacking: tar -x … --exclude='*/subjects/bert' \
                   --exclude='*/trctrain'";
    assert_eq!(review.snippet, snippet);
    // recon-all cannot do without fsaverage.
    let kept = "RUN x\n  opt/fs/SetUpFreeSurfer.sh 1\n  opt/fs/bin/recon-all 1\n  \
                opt/fs/subjects/fsaverage/a 90_000_000\n";
    check("comp-parts", kept, &[]);
}

#[test]
fn top() {
    check("comp-top", FREESURFER, &[1_060_000_100]);
    let findings = found(FREESURFER, &["comp-top"]);
    assert_eq!(findings[0].severity, Severity::Medium);
    check("comp-top", "RUN x\n  usr/bin/x 900_000_000\n", &[]);
}

const AWS: &str = "
base: ADD rootfs /
  usr/bin/x 900_000_000
RUN curl https://awscli.amazonaws.com/awscli-exe-linux-x86_64.zip -o a && aws/install
  usr/local/aws-cli/v2/2.15.0/dist/aws 90_000_000
  usr/local/aws-cli/v2/2.15.0/dist/awscli/examples/a 40_000_000
";

#[test]
fn optional_by_arg() {
    check("comp-optional-by-arg", AWS, &[130_000_000]);
    let findings = found(AWS, &["comp-optional-by-arg"]);
    assert!(findings[0].snippet.starts_with("ARG INSTALL_AWS_CLI=false\nRUN if ["));
    // The step brings more.
    let more = found(&format!("{AWS}  opt/x 90_000_000\n"), &["comp-optional-by-arg"]);
    let condition =
        "RUN if [ \"$INSTALL_AWS_CLI\" = true ]; then \\\n  <what installs AWS CLI>; \\\n fi";
    assert!(more[0].snippet.ends_with(condition), "{}", more[0].snippet);
    // A script of the step brings it.
    let script = AWS.replace(
        "curl https://awscli.amazonaws.com/awscli-exe-linux-x86_64.zip -o a && aws/install",
        "bash /opt/tools.sh",
    );
    let inside = found(&format!("{script}  opt/x 90_000_000\n"), &["comp-optional-by-arg"]);
    let expected = "ARG INSTALL_AWS_CLI=false\n\
                    RUN bash /opt/tools.sh\n\
                    # in /opt/tools.sh, which sees the argument as a variable:\n\
                    # if [ \"$INSTALL_AWS_CLI\" = true ]; then\n\
                    #   <what installs AWS CLI>\n\
                    # fi";
    assert_eq!(inside[0].snippet, expected);
    // What the image starts names it.
    check("comp-optional-by-arg", &format!("ENTRYPOINT aws s3\n{AWS}"), &[]);
    let script = format!("{AWS}  entrypoint.sh = \"exec aws s3 sync\\n\"\n");
    check("comp-optional-by-arg", &script, &[]);
    // The image is made for it.
    check("comp-optional-by-arg", &AWS.replace("900_000_000", "9"), &[]);
}

#[test]
fn known_slim() {
    check("comp-known-slim", FREESURFER, &[1_060_000_100]);
    let findings = found(FREESURFER, &["comp-known-slim"]);
    assert_eq!((findings[0].net.content, findings[0].severity), (0, Severity::Medium));
    check(
        "comp-known-slim",
        "RUN x\n  opt/julia/bin/julia 90_000_000\n  opt/julia/lib/julia/a 1\n",
        &[],
    );
}

#[test]
fn step_residual() {
    let image = |rest: &str| {
        format!(
            "RUN curl -O https://x/rstudio-server-2024.04.2-764-amd64.deb && dpkg -i *.deb\n  \
             usr/lib/rstudio-server/bin/rserver 353_000_000\n  {rest}\n"
        )
    };
    check("comp-step-residual", &image("usr/lib/llvm/libLLVM.so 900_000_000"), &[900_000_000]);
    check("comp-step-residual", &image("usr/lib/llvm/libLLVM.so 90_000_000"), &[]);
    // The step of another layer is none of its business.
    check("comp-step-residual", &image("\nCOPY . /\n  data 900_000_000"), &[]);
}

#[test]
fn step_dominant() {
    let image = |base: &str| {
        format!("base: ADD rootfs /\n  x {base}\nRUN conda install y\n  opt/y 400_000_000\n")
    };
    let severity = |base: &str| {
        let findings = found(&image(base), &["comp-step-dominant"]);
        findings.first().map(|finding| (finding.severity, finding.gross.compressed))
    };
    assert_eq!(severity("400_000_000"), Some((Severity::Medium, 200_000_000)));
    assert_eq!(severity("1_600_000_000"), Some((Severity::Low, 200_000_000)));
    assert_eq!(severity("9_600_000_000"), None);
}

#[test]
fn split_variant() {
    let image = |size: &str| {
        format!(
            "
RUN apt-get install cuda-toolkit
  usr/local/cuda-12.4/version.json {size}
RUN curl https://code-server.dev/install.sh
  usr/lib/code-server/bin/code-server 1
  usr/lib/code-server/lib/vscode/a 600_000_000
"
        )
    };
    check("comp-split-variant", &image("1_500_000_000"), &[2_100_000_001]);
    check("comp-split-variant", &image("500_000_000"), &[]);
}
