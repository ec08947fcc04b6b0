use std::process::Command;

use super::detect::{is_of_other_system, is_other_machine, strippable, without_processor};
use crate::layer::{Elf, ElfSection};
use crate::rule::Risk;
use crate::rule::testing::{check, found, found_with};

#[test]
fn unstripped() {
    check(
        "elf-unstripped",
        "
RUN make install
  usr/bin/a 9_000_000 elf=62,3,.text:2000000:a,.debug_info:6000000,.comment:50,.shstrtab:200
  usr/lib/b.so 3_000_000 elf=62,3,.symtab:600000,.strtab:400000,.note.x:99
  lib/modules/c.ko 9_000_000 elf=62,1,.debug_info:6000000
",
        &[7_000_000],
    );
    let small = "RUN x\n  usr/bin/a 9_000_000 elf=62,3,.debug_info:4000000\n";
    check("elf-unstripped", small, &[]);
    // What a linker may still move keeps its symbols.
    let linkable = "RUN x\n  usr/bin/a 9_000_000 elf=62,3,.rela.text:3000000,.symtab:6000000\n";
    check("elf-unstripped", linkable, &[]);
}

#[test]
fn only_files_of_the_step_are_stripped() {
    let check = |image: &str, expected: &str| {
        let findings = found(image, &["elf-unstripped"]);
        let last = findings.iter().max_by_key(|finding| finding.steps[0].layer).unwrap();
        assert_eq!(last.snippet.lines().nth(1).unwrap(), expected, "{image}");
    };
    let elf = "elf=62,3,.symtab:6000000";
    let strip = format!("RUN a\n  usr/bin/strip 9\n  usr/local/bin/uv 7_000_000 {elf}\n");
    // The program of another step is beside it.
    let one = format!("{strip}RUN b\n  usr/local/bin/node 7_000_000 {elf}\n  usr/local/x 9\n");
    check(&one, " && { strip --strip-unneeded /usr/local/bin/node || true; }");
    // A directory of its own is searched, one in which there was something is not.
    let trees = format!(
        "{one}  opt/x/a.so 7_000_000 {elf}\n  opt/x/b/c 7_000_000 {elf}\n  usr/local/bin/y 7_000_000 {elf}\n"
    );
    let find = "find /opt/x -xdev -type f \\( -name '*.so*' -o -perm /111 \\) -exec strip --strip-unneeded {} + 2>/dev/null";
    let two = "strip --strip-unneeded /usr/local/bin/node /usr/local/bin/y";
    check(&trees, &format!(" && {{ {two}; {find} || true; }}"));
    // What was there before and goes is there no more.
    let replaced = format!("{strip}  opt/x/a.so 7_000_000 {elf}\n");
    let replaced = replaced + &trees.split_once("RUN b").map(|(_, b)| format!("RUN b{b}")).unwrap();
    check(&replaced, &format!(" && {{ {two}; {find} || true; }}"));
}

#[test]
fn steps_without_strip_install_it_only_where_nothing_else_is_removed() {
    let check = |steps: &str, packages: &str, expected: &str| {
        let image = format!("{steps}\n  usr/bin/node 99_000_000 elf=62,3,.symtab:20000000\n");
        let [finding] = &found_with(&image, packages, &["elf-unstripped"])[..] else {
            panic!("one")
        };
        assert!(finding.snippet.contains(expected), "{}", finding.snippet);
        assert_eq!(finding.snippet.contains("RUN"), expected.contains(" && "), "{steps}");
        assert!(!finding.snippet.contains("command -v"), "{}", finding.snippet);
    };
    let strip = "{ strip --strip-unneeded /usr/bin/node || true; }";
    let block = format!(
        "RUN a \\\n && apt-get update && apt-get install -y --no-install-recommends binutils && {strip} && apt-get purge -y --auto-remove binutils && rm -rf /var/lib/apt/lists/*"
    );
    let words = format!("# or strip them in a builder stage:\n# {strip}");
    check("RUN a", "dpkg +x 1 usr/bin/node > y\ndpkg -y 1", &block);
    // Nothing needs it any more, but what was compiled may.
    check("RUN a", "dpkg +x 1 usr/bin/node\ndpkg -y 1", &words);
    check("RUN a", "apk +x 1 usr/bin/node", &words);
    check("USER app\nRUN a", "dpkg +x 1 usr/bin/node", &words);
    check("COPY a /usr/bin/", "dpkg +x 1", &format!("# the stage that they come from\n# {strip}"));
}

#[test]
fn debug_files() {
    check(
        "elf-debug-files",
        "
RUN apt-get install libc6-dbg
  usr/lib/debug/.build-id/aa/b.debug 3_000_000
  opt/x/Lib.pdb 500_000
  opt/x/Lib.dll 10
  data/1abc.pdb 700_000
",
        &[3_500_000],
    );
    check("elf-debug-files", "RUN x\n  data/1abc.pdb 9_000_000\n", &[]);
    // Valgrind does not start without those of the C library.
    let of = |program: &str| {
        let text = format!("RUN x\n  usr/lib/debug/libc.so.6.debug 3_000_000\n  {program} 10\n");
        let findings = found(&text, &["elf-debug-files"]);
        (findings[0].gross.content, findings[0].risk, findings[0].notes.len())
    };
    assert_eq!(of("usr/bin/valgrind"), (3_000_000, Risk::Test, 1));
    assert_eq!(of("usr/bin/gdb"), (3_000_000, Risk::Safe, 0));
}

#[test]
fn cuda_fatbins() {
    let of = |size: u64| {
        format!("RUN x\n  opt/libtorch_cuda.so 300_000_000 elf=62,3,.nv_fatbin:{size}:a\n")
    };
    check("elf-cuda-fatbins", &of(200_000_000), &[200_000_000]);
    check("elf-cuda-fatbins", &of(20_000_000), &[]);
}

#[test]
fn static_bloat() {
    use std::fmt::Write as _;
    let of = |directory: &str| {
        let mut text = "RUN x\n".to_owned();
        for number in 0..12 {
            writeln!(text, "  {directory}/p{number} 50_000_000 elf=62,3,.interp:20:a").unwrap();
        }
        text
    };
    check("elf-static-bloat", &of("opt/ants/bin"), &[600_000_000]);
    check("elf-static-bloat", &of("usr/bin"), &[]);
    let shared = format!("{}  opt/ants/lib/libITK.so.1 200_000_000\n", of("opt/ants/bin"));
    check("elf-static-bloat", &shared, &[]);
}

#[test]
fn cpu_variants() {
    check(
        "elf-cpu-variants",
        "
RUN x
  opt/lib/libmkl_avx2.so.2 60_000_000
  opt/lib/libmkl_avx512.so.2 70_000_000
  opt/lib/libmkl_core.so.2 80_000_000
",
        &[130_000_000],
    );
    check(
        "elf-cpu-variants",
        "RUN x\n  a/libx_avx2.so 200_000_000\n  b/libx_avx.so 9_000_000\n",
        &[],
    );
    assert_eq!(without_processor(b"libx-haswell.so"), Some(b"libx.so".to_vec()));
    assert_eq!(without_processor(b"libx.so"), None);
}

#[test]
fn foreign_arch() {
    check(
        "elf-foreign-arch",
        "
RUN npm ci
  app/node_modules/x/prebuilds/darwin-arm64/x.node 3_000_000
  app/node_modules/x/prebuilds/linux-x64/x.node 3_000_000
  opt/agent.so 4_000_000 elf=183,3,.text:1:a
  usr/aarch64-linux-gnu/lib/libc.so 5_000_000 elf=183,3,.text:1:a
  opt/y.dylib 1_000_000
",
        &[8_000_000],
    );
    // Managed code runs on all systems, and 32-bit programs run on a 64-bit machine.
    let other = "RUN x\n  app/System.dll 9_000_000\n  opt/wine.so 9_000_000 elf=3,3,.text:1:a\n";
    check("elf-foreign-arch", other, &[]);
}

#[test]
fn machines_run_some_programs() {
    for (machine, architecture, expected) in [
        (183, "amd64", true),
        (62, "arm64", true),
        (3, "amd64", false),
        (40, "arm64", false),
        (62, "amd64", false),
        (62, "wasm", false),
        (247, "amd64", false),
    ] {
        assert_eq!(is_other_machine(machine, architecture), expected, "{machine} {architecture}");
    }
    assert!(is_of_other_system(b"x/runtimes/win-x64/native/a.dll", "amd64"));
    assert!(!is_of_other_system(b"x/vendor/linux/a.so", "amd64"));
}

/// The sections of a file, as `readelf` lists them.
fn sections(path: &std::path::Path) -> Vec<ElfSection> {
    let output = Command::new("readelf").args(["-SW"]).arg(path).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.split_once(']'));
    let section = |(_, row): (&str, &str)| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let (name, kind) = (fields.first()?, *fields.get(1)?);
        let size = u64::from_str_radix(fields.get(4)?, 16).ok()?;
        let flags = fields.get(6).filter(|flags| flags.contains(char::is_alphabetic));
        Some(ElfSection {
            name: (*name).into(),
            size: if kind == "NOBITS" { 0 } else { size },
            loaded: flags.is_some_and(|flags| flags.contains('A')),
        })
    };
    rows.filter_map(section).collect()
}

#[test]
fn what_strip_takes_away_is_foretold() {
    let directory = tempfile::tempdir().unwrap();
    let built = directory.path().join("program");
    let source = directory.path().join("program.c");
    let functions: Vec<String> = (0..3000)
        .map(|number| format!("int function_number_{number}(int x) {{ return x * {number}; }}"))
        .collect();
    std::fs::write(&source, format!("{}\nint main(void) {{ return 0; }}", functions.join("\n")))
        .unwrap();
    let run = |command: &mut Command| command.status().is_ok_and(|status| status.success());
    if !run(Command::new("cc").arg("-g").arg("-o").arg(&built).arg(&source)) {
        eprintln!("not checked: there is no C compiler");
        return;
    }
    let before = built.metadata().unwrap().len();
    let elf = Elf { machine: 62, kind: 3, wide: true, sections: sections(&built) };
    assert!(run(Command::new("strip").arg("--strip-unneeded").arg(&built)));
    let taken = before - built.metadata().unwrap().len();
    let foretold = strippable(&elf);
    assert!(taken > 100_000 && foretold.abs_diff(taken) * 50 <= taken, "{foretold} {taken}");
}
