use super::*;
use crate::model::dump_toc::tests::{Sample, SampleEntry, data};

/// The data of an item as it is in a dump: blocks of one table, or of large objects with their oids.
enum Item<'a> {
    Table(i64, &'a [&'a [u8]]),
    LargeObjects(i64, &'a [(i64, &'a [&'a [u8]])]),
}

fn blocks(sample: &Sample, parts: &[&[u8]], bytes: &mut Vec<u8>) {
    for part in parts {
        sample.int(i64::try_from(part.len()).unwrap(), bytes);
        bytes.extend_from_slice(part);
    }
    sample.int(0, bytes);
}

fn dump(sample: &Sample, items: &[Item<'_>]) -> Vec<u8> {
    let mut bytes = sample.bytes();
    for item in items {
        match item {
            Item::Table(dump_id, parts) => {
                bytes.push(1);
                sample.int(*dump_id, &mut bytes);
                blocks(sample, parts, &mut bytes);
            }
            Item::LargeObjects(dump_id, objects) => {
                bytes.push(3);
                sample.int(*dump_id, &mut bytes);
                for (oid, parts) in *objects {
                    sample.int(*oid, &mut bytes);
                    blocks(sample, parts, &mut bytes);
                }
                sample.int(0, &mut bytes);
            }
        }
    }
    bytes
}

/// Rewrites a dump that comes in parts of a size, and takes away what is made whenever it is `enough`.
fn rewritten(dump: &[u8], part: usize, enough: usize) -> Result<Vec<u8>, NotUnderstood> {
    let mut rewriter = DumpRewriter::default();
    let mut made = Vec::new();
    for part in dump.chunks(part) {
        rewriter.feed(part)?;
        if rewriter.ready() >= enough {
            made.extend(rewriter.take(Vec::new()));
        }
    }
    let Rewritten { rest, head } = rewriter.finish()?;
    made.extend(rest);
    made[..head.len()].copy_from_slice(&head);
    Ok(made)
}

fn small() -> (Sample, Vec<u8>) {
    let nothing = SampleEntry { kind: "TABLE", ..data(9, 3) };
    let sample = Sample::of(14, vec![nothing, data(11, 1), data(12, 2), data(13, 1), data(14, 1)]);
    let objects: [(i64, &[&[u8]]); 2] = [(-294_967_296, &[b"ab", b"cd"]), (16_400, &[])];
    let items = [
        Item::Table(12, &[b"1\tone\n", b"2\ttwo\n", b"3\t\n"]),
        Item::LargeObjects(13, &objects),
        Item::Table(11, &[]),
    ];
    let bytes = dump(&sample, &items);
    (sample, bytes)
}

#[test]
fn blocks_are_joined_and_offsets_are_told() {
    let (sample, before) = small();
    let after = rewritten(&before, before.len(), usize::MAX).unwrap();
    let objects: [(i64, &[&[u8]]); 2] = [(-294_967_296, &[b"abcd"]), (16_400, &[])];
    let items = [
        Item::Table(12, &[b"1\tone\n2\ttwo\n3\t\n"]),
        Item::LargeObjects(13, &objects),
        Item::Table(11, &[]),
    ];
    let toc = DumpToc::parse(&after).unwrap();
    assert_eq!(after[toc.length..], dump(&sample, &items)[toc.length..]);
    let begins: Vec<_> = toc
        .entries
        .iter()
        .map(|entry| {
            let offset = after[entry.data_at + 1..][..8].try_into().unwrap();
            let first = usize::try_from(u64::from_le_bytes(offset)).ok().and_then(|at| after.get(at..at + 2));
            (entry.dump_id, entry.data, first.map(<[u8]>::to_vec))
        })
        .collect();
    assert_eq!(
        begins,
        [
            (9, DataState::NoData, None),
            (11, DataState::Known, Some(vec![1, 0])),
            (12, DataState::Known, Some(vec![1, 0])),
            (13, DataState::Known, Some(vec![3, 0])),
            // It has none in the dump, as a table has that was left out: nothing is said that was not said.
            (14, DataState::Unknown, None),
        ]
    );
}

#[test]
fn how_it_comes_and_how_it_is_taken_changes_nothing() {
    let (_, before) = small();
    let whole = rewritten(&before, before.len(), usize::MAX).unwrap();
    for part in 1..before.len() {
        for enough in [0, 10, usize::MAX] {
            assert_eq!(rewritten(&before, part, enough).unwrap(), whole, "in parts of {part}, by {enough}");
        }
    }
}

#[test]
fn what_was_rewritten_is_not_changed_again() {
    let (_, before) = small();
    let once = rewritten(&before, 100, 0).unwrap();
    assert_eq!(rewritten(&once, 100, 0).unwrap(), once);
}

#[test]
fn large_blocks_are_cut_and_small_ones_fill_up_whole_ones() {
    let sample = Sample::of(16, vec![data(1, 1)]);
    let bytes: Vec<u8> = (0..=255).cycle().take(2 * BLOCK + 1000).collect();
    let parts: Vec<&[u8]> = bytes.chunks(999).collect();
    let expected =
        dump(&sample, &[Item::Table(1, &[&bytes[..BLOCK], &bytes[BLOCK..2 * BLOCK], &bytes[2 * BLOCK..]])]);
    for before in [dump(&sample, &[Item::Table(1, &[&bytes])]), dump(&sample, &[Item::Table(1, &parts)])] {
        for (part, enough) in [(1, 100_000), (777, 0), (BLOCK, 1), (1 << 20, 1 << 20)] {
            let after = rewritten(&before, part, enough).unwrap();
            let data = DumpToc::parse(&after).unwrap().length;
            assert!(after[data..] == expected[data..], "in parts of {part}, by {enough}");
        }
    }
}

#[test]
fn nothing_but_the_open_block_is_kept_back() {
    let sample = Sample::of(16, vec![data(1, 1)]);
    let mut rewriter = DumpRewriter::default();
    let dump = dump(&sample, &[Item::Table(1, &[&vec![b'x'; 200_000]])]);
    for part in dump.chunks(1000) {
        rewriter.feed(part).unwrap();
        rewriter.take(Vec::new());
        assert!(rewriter.made.len() <= BLOCK + 5);
    }
}

#[test]
fn what_does_not_fit_together_is_not_understood() {
    let sample = |state| Sample::of(16, vec![data(1, state), data(2, 1)]);
    let table = |dump_id| Item::Table(dump_id, &[b"1\n"]);
    let refused = [
        ("data that is there twice", dump(&sample(1), &[table(1), table(1)])),
        ("data without an entry", dump(&sample(1), &[table(3)])),
        ("data without an entry", dump(&sample(3), &[table(1)])),
        ("an entry's missing data", dump(&sample(2), &[table(2)])),
        ("an entry that is there twice", Sample::of(16, vec![data(1, 1), data(1, 1)]).bytes()),
    ];
    for (why, dump) in refused {
        assert_eq!(rewritten(&dump, 64, 0), Err(NotUnderstood(why)));
    }
    let (_, whole) = small();
    let ends: Vec<usize> = (0..whole.len()).filter(|&end| rewritten(&whole[..end], 64, 0).is_ok()).collect();
    let empty_table = 1 + 5 + 5;
    // Behind the large objects, where the entry that says where its data is has come.
    assert!(ends.contains(&(whole.len() - empty_table)));
    assert!(ends.len() <= 2, "{ends:?}");
}

#[test]
fn an_endless_table_of_contents_is_not_held() {
    let endless = SampleEntry { definition: "x".repeat(2 * MOST_TOC).leak(), ..data(1, 1) };
    let mut rewriter = DumpRewriter::default();
    let outcome =
        Sample::of(16, vec![endless]).bytes().chunks(1 << 20).try_for_each(|part| rewriter.feed(part));
    assert_eq!(outcome, Err(NotUnderstood("so long a table of contents")));
}
