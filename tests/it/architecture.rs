//! Rules of the sources that the compiler does not know: the order of modules, the length of
//! functions, words that have no place in the repository.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Modules that may import any other: the program's outermost layer.
const OUTERMOST: [&str; 2] = ["main", "cli"];

const LONGEST_FUNCTION: usize = 60;

#[test]
fn modules_import_only_what_is_declared_before_them() {
    let order = module_order();
    let mut violations = String::new();
    for file in rust_files("src") {
        let path = file.strip_prefix(root().join("src")).unwrap();
        let module = path.components().next().unwrap().as_os_str().to_string_lossy();
        let module = module.strip_suffix(".rs").unwrap_or(&module);
        if module == "lib" || OUTERMOST.contains(&module) {
            continue;
        }
        let Some(place) = order.iter().position(|name| name == module) else {
            writeln!(violations, "{}: `{module}` is not declared in lib.rs", path.display())
                .unwrap();
            continue;
        };
        let mut uses = Vec::new();
        find_uses(tokens(&file), depth(path), &mut uses);
        for (used, line) in uses {
            if order.iter().position(|name| *name == used).is_some_and(|other| other > place) {
                writeln!(violations, "src/{}:{line}: `{module}` imports `{used}`", path.display())
                    .unwrap();
            }
        }
    }
    assert!(violations.is_empty(), "the order in lib.rs is {order:?}\n{violations}");
}

#[test]
fn functions_are_short() {
    let mut long = String::new();
    for file in rust_files("src").into_iter().chain(rust_files("tests")) {
        let mut lengths = Lengths::default();
        lengths.visit_file(&syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap());
        for (name, lines) in lengths.found {
            if lines > LONGEST_FUNCTION {
                let path = file.strip_prefix(root()).unwrap().display();
                writeln!(long, "{path}: `{name}` has {lines} lines").unwrap();
            }
        }
    }
    assert!(long.is_empty(), "functions of more than {LONGEST_FUNCTION} lines:\n{long}");
}

#[test]
fn files_of_the_repository_hold_no_forbidden_text() {
    let forbidden =
        [concat!("/wo", "rk/"), concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!(")];
    let mut found = String::new();
    for path in repository_files() {
        // A link may lead nowhere, and a submodule is a directory.
        let Ok(bytes) = fs::read(root().join(&path)) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate() {
            for word in forbidden.iter().filter(|word| line.contains(**word)) {
                writeln!(found, "{path}:{}: {word}", number + 1).unwrap();
            }
        }
    }
    assert!(found.is_empty(), "{found}");
}

#[test]
fn uses_are_found_however_they_are_written() {
    let check = |text: &str, depth: usize, expected: &[&str]| {
        let mut uses = Vec::new();
        find_uses(text.parse().unwrap(), depth, &mut uses);
        let uses: Vec<_> = uses.into_iter().map(|(name, _)| name).collect();
        assert_eq!(uses, expected, "{text}");
    };
    check("use crate::oci::Digest;", 1, &["oci"]);
    check("use crate::{oci::{Digest, json::x}, size};", 1, &["oci", "size"]);
    check("fn a() { println!(\"{}\", crate::size::parse(b)) }", 1, &["size"]);
    check("/// [`crate::cli`]\nfn a() {}", 1, &[]);
    check("use super::oci::Digest;", 1, &["oci"]);
    check("use super::oci::Digest;", 2, &[]);
    check("use super::super::{oci, size};", 2, &["oci", "size"]);
    check("mod tests { use super::*; use super::super::size; }", 1, &["size"]);
    check("pub(crate) fn a() {} pub(super) fn b() {}", 1, &[]);
}

#[test]
fn lengths_count_from_the_signature_to_the_closing_brace() {
    let text = "impl A {\n  /// Doc.\n  fn a() {\n    b();\n  }\n}\nfn c() {}\n\
                #[cfg(test)]\nmod tests {\n  fn d() {\n  }\n}\n";
    let mut lengths = Lengths::default();
    lengths.visit_file(&syn::parse_file(text).unwrap());
    assert_eq!(lengths.found, [("a".to_owned(), 3), ("c".to_owned(), 1)]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &str) -> Vec<PathBuf> {
    let mut waiting = vec![root().join(directory)];
    let mut files = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The files that git tracks or would offer to track.
fn repository_files() -> Vec<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("this test needs the program `git`");
    assert!(output.status.success(), "this test needs a git checkout: {output:?}");
    let names = String::from_utf8(output.stdout).unwrap();
    names.split_terminator('\0').map(str::to_owned).collect()
}

fn tokens(file: &Path) -> TokenStream {
    fs::read_to_string(file).unwrap().parse().unwrap()
}

fn module_order() -> Vec<String> {
    let library = syn::parse_file(&fs::read_to_string(root().join("src/lib.rs")).unwrap()).unwrap();
    let modules = library.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) => Some(module.ident.to_string()),
        _ => None,
    });
    modules.collect()
}

/// How many `super` lead from the top of a file under `src` to the crate.
fn depth(path: &Path) -> usize {
    let directories = path.components().count() - 1;
    if path.ends_with("mod.rs") { directories } else { directories + 1 }
}

/// Collects the modules of the crate that `tokens` name, with lines; `depth` is how many `super`
/// lead to the crate. Comments are not tokens, so links in them are free.
fn find_uses(tokens: TokenStream, depth: usize, uses: &mut Vec<(String, usize)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "crate" => named_after(&tokens[at + 1..], uses),
            TokenTree::Ident(word) if word == "super" && starts_path(&tokens[..at]) => {
                if let Some(rest) = after_supers(&tokens[at..], depth) {
                    named_after(rest, uses);
                }
            }
            TokenTree::Group(group) => {
                let module = at >= 2
                    && group.delimiter() == Delimiter::Brace
                    && matches!(&tokens[at - 2], TokenTree::Ident(word) if word == "mod");
                find_uses(group.stream(), depth + usize::from(module), uses);
            }
            _ => {}
        }
    }
}

fn starts_path(before: &[TokenTree]) -> bool {
    !matches!(before.last(), Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

/// What follows a chain of exactly `depth` times `super`.
fn after_supers(tokens: &[TokenTree], depth: usize) -> Option<&[TokenTree]> {
    let supers = tokens
        .chunks(3)
        .take_while(|chunk| matches!(&chunk[0], TokenTree::Ident(word) if word == "super"))
        .count();
    (supers == depth).then(|| tokens.get(3 * depth - 2..)).flatten()
}

/// Takes the names behind `::`: one, or those that start the paths of a group.
fn named_after(tokens: &[TokenTree], uses: &mut Vec<(String, usize)>) {
    let [TokenTree::Punct(first), TokenTree::Punct(second), named, ..] = tokens else { return };
    if (first.as_char(), second.as_char()) != (':', ':') {
        return;
    }
    match named {
        TokenTree::Ident(name) => uses.push((name.to_string(), name.span().start().line)),
        TokenTree::Group(group) => {
            let mut starts = true;
            for token in group.stream() {
                if let TokenTree::Ident(name) = &token
                    && starts
                {
                    uses.push((name.to_string(), name.span().start().line));
                }
                starts = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == ',');
            }
        }
        _ => {}
    }
}

/// Collects the lengths of functions outside of test modules.
#[derive(Default)]
struct Lengths {
    found: Vec<(String, usize)>,
}

impl Lengths {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let last = block.brace_token.span.close().end().line;
        let lines = last - signature.fn_token.span.start().line + 1;
        self.found.push((signature.ident.to_string(), lines));
    }
}

impl<'ast> Visit<'ast> for Lengths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
        });
        if !test {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
