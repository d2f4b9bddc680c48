use std::collections::BTreeMap;

use proptest::prelude::*;

use super::SmallMap;

/// What can be done to a map.
#[derive(Clone, Debug)]
enum Change {
    Insert(u8, u32),
    Retain(u8),
    Clear,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        8 => (0..12u8, any::<u32>()).prop_map(|(key, value)| Change::Insert(key, value)),
        2 => (1..4u8).prop_map(Change::Retain),
        1 => Just(Change::Clear),
    ]
}

proptest! {
    #[test]
    fn it_is_a_sorted_map(changes in prop::collection::vec(change(), 0..40)) {
        let (mut map, mut model) = (SmallMap::default(), BTreeMap::new());
        for change in changes {
            match change {
                Change::Insert(key, value) => {
                    map.insert(key, value);
                    model.insert(key, value);
                }
                Change::Retain(divisor) => {
                    map.retain(|key, _| key % divisor == 0);
                    model.retain(|key, _| key % divisor == 0);
                }
                Change::Clear => {
                    map.clear();
                    model.clear();
                }
            }
            prop_assert!(map.iter().eq(model.iter()));
            prop_assert_eq!(map.is_empty(), model.is_empty());
            for key in 0..12 {
                prop_assert_eq!(map.get(&key), model.get(&key));
            }
            let written = serde_json::to_string(&map).unwrap();
            prop_assert_eq!(&written, &serde_json::to_string(&model).unwrap());
            prop_assert_eq!(serde_json::from_str::<SmallMap<u8, u32>>(&written).unwrap(), map.clone());
        }
    }
}

#[test]
fn it_has_room_for_what_it_holds() {
    let mut map = SmallMap::default();
    for key in 0..3 {
        map.insert(key, [0; 100]);
    }
    assert_eq!(map.0.capacity(), 3);
    map.retain(|key, _| *key == 1);
    assert_eq!(map.0.capacity(), 1);
}

#[test]
fn of_two_entries_of_one_key_the_last_counts() {
    let map: SmallMap<String, u8> = serde_json::from_str(r#"{"b":1,"a":2,"b":3}"#).unwrap();
    let entries: Vec<_> = map.into_iter().collect();
    assert_eq!(entries, [("a".to_owned(), 2), ("b".to_owned(), 3)]);
}
