//! The samples of the readme: what it says that a command prints, the command prints.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A block between fences.
struct Block<'a> {
    /// The line of text before it.
    introduction: &'a str,
    /// The word behind the fence that opens it.
    language: &'a str,
    /// What is in it.
    text: String,
}

#[test]
fn samples_of_output_are_printed() {
    let readme = read("README.md");
    let blocks = blocks(&readme);
    let commands = blocks.windows(2).filter_map(|pair| {
        let command = pair[0].text.strip_prefix("margay ")?;
        (pair[0].language == "sh" && pair[1].language.is_empty()).then_some((command, &pair[1]))
    });
    let mut shown = 0;
    for (command, sample) in commands {
        let missing = first_missing(&sample.text, &printed(command));
        assert_eq!(missing, None, "margay {command}");
        shown += 1;
    }
    assert_eq!(
        shown,
        outputs(&blocks),
        "an output without a command before it"
    );
    assert!(shown >= 2, "{shown} samples were found");
}

#[test]
fn samples_of_files_are_in_them() {
    let readme = read("README.md");
    let mut shown = 0;
    for block in blocks(&readme)
        .iter()
        .filter(|block| block.language == "yaml")
    {
        let file = block.introduction.split('`').nth(1).unwrap();
        assert_eq!(
            first_missing(&block.text.replace("---\n", "\n"), &read(file)),
            None,
            "{file}"
        );
        shown += 1;
    }
    assert!(shown >= 1, "no sample was found");
}

#[test]
fn a_line_that_is_not_printed_is_missed() {
    let printed = "one { a, b }\ntwo\nthree\nfour\n";
    for sample in [
        "one { a, b }\ntwo\n",
        "one { ...\nthree\n",
        "two\n...\nfour\n",
        "one { a, b }\n\nfour\n",
    ] {
        assert_eq!(first_missing(sample, printed), None, "{sample}");
    }
    for (sample, missing) in [
        ("two\nfour\n", "two\nfour"),
        ("three\n...\ntwo\n", "two"),
        ("one\n", "one"),
        ("ne { ...\n", "ne { "),
        ("two\n...\ntwo\n", "two"),
    ] {
        assert_eq!(
            first_missing(sample, printed).as_deref(),
            Some(missing),
            "{sample}"
        );
    }
}

/// The first run of lines of a sample that is not in a text behind the runs before it. A line of
/// dots, an empty line and dots at the end of a line stand for whatever is left out.
fn first_missing(sample: &str, text: &str) -> Option<String> {
    let text = format!("\n{text}\n");
    let mut rest = text.as_str();
    for run in runs(sample) {
        let Some(at) = rest.find(&run) else {
            return Some(run.trim_matches('\n').to_owned());
        };
        // The end of a line is the beginning of the next.
        rest = &rest[at + run.trim_end_matches('\n').len()..];
    }
    None
}

/// Lines that stand together, each with an end of a line on both sides where no dots follow it.
fn runs(sample: &str) -> Vec<String> {
    let mut runs = vec![String::from("\n")];
    for line in sample.lines() {
        let run = runs.last_mut().unwrap();
        match line.strip_suffix("...") {
            Some(begun) => run.push_str(begun),
            None if line.is_empty() => {}
            None => {
                run.push_str(line);
                run.push('\n');
                continue;
            }
        }
        runs.push(String::from("\n"));
    }
    runs.retain(|run| run != "\n");
    runs
}

fn printed(command: &str) -> String {
    let mut margay = Command::new(env!("CARGO_BIN_EXE_margay"));
    let margay = margay.current_dir(root()).args(command.split_whitespace());
    let output = margay.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// How many blocks are outputs: those without a language.
fn outputs(blocks: &[Block<'_>]) -> usize {
    blocks
        .iter()
        .filter(|block| block.language.is_empty())
        .count()
}

fn blocks(readme: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut introduction = "";
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| *line != "```");
            let text = inside.flat_map(|line| [line, "\n"]).collect();
            blocks.push(Block {
                introduction,
                language,
                text,
            });
        } else if !line.is_empty() {
            introduction = line;
        }
    }
    blocks
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
