//! The sample organization: one site, two buildings, and what hangs on their ceilings.

use async_graphql::ID;

use super::assets::{
    Address, Area, Building, Capacity, Floor, Hive, Metadata, Room, Sensor, Site, Tag, Zone,
};

const ORGANIZATION: &str = "org_sample";
const TIMEZONE: &str = "America/New_York";
/// 2025-01-15T12:00:00Z, in seconds since 1970.
const INSTALLED: i32 = 1_736_942_400;

/// Every asset of the sample organization. It never changes.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) sites: Vec<Site>,
    pub(crate) buildings: Vec<Building>,
    pub(crate) floors: Vec<Floor>,
    pub(crate) rooms: Vec<Room>,
    pub(crate) zones: Vec<Zone>,
    pub(crate) sensors: Vec<Sensor>,
    pub(crate) hives: Vec<Hive>,
    pub(crate) tags: Vec<Tag>,
}

impl Estate {
    pub(crate) fn sample() -> Self {
        let mut estate = Self {
            sites: vec![site()],
            buildings: vec![building("north", "North Building", 1), building("south", "South Building", 2)],
            floors: Vec::new(),
            rooms: Vec::new(),
            zones: Vec::new(),
            sensors: Vec::new(),
            hives: Vec::new(),
            tags: [("focus", "Focus"), ("meeting", "Meeting"), ("social", "Social")]
                .map(|(id, name)| tag(id, name))
                .to_vec(),
        };
        estate.add_floor(
            "north",
            1,
            &[("Lobby", "lobby", 30, "social"), ("Ada Lovelace", "conference", 8, "meeting")],
        );
        estate.add_floor(
            "north",
            2,
            &[("Grace Hopper", "conference", 12, "meeting"), ("Quiet Room", "focus", 2, "focus")],
        );
        estate.add_floor(
            "south",
            1,
            &[("Café", "cafeteria", 40, "social"), ("Alan Turing", "conference", 6, "meeting")],
        );
        estate
    }

    pub(crate) fn floor(&self, id: &ID) -> Option<Floor> {
        self.floors.iter().find(|floor| floor.id == *id).cloned()
    }

    pub(crate) fn tags_of(&self, ids: &[ID]) -> Vec<Tag> {
        self.tags.iter().filter(|tag| ids.contains(&tag.id)).cloned().collect()
    }

    /// Adds a floor with one hive, its rooms with a presence and a traffic sensor each, and one
    /// open zone with a presence sensor.
    fn add_floor(&mut self, building: &str, number: i32, rooms: &[(&str, &str, i32, &str)]) {
        let place = format!("{building}_{number}");
        let floor = floor(building, number, &place);
        let hive = hive(&place, &floor.id);
        for (index, (name, kind, seats, label)) in rooms.iter().enumerate() {
            let room = room(&format!("{place}_{index}"), name, kind, *seats, label, &floor.id);
            for mode in ["presence", "traffic"] {
                self.sensors.push(sensor(
                    &format!("{place}_{index}_{mode}"),
                    mode,
                    &hive,
                    Some(room.id.clone()),
                    None,
                ));
            }
            self.rooms.push(room);
        }
        let zone = zone(&place, &floor.id);
        self.sensors.push(sensor(
            &format!("{place}_open_presence"),
            "presence",
            &hive,
            None,
            Some(zone.id.clone()),
        ));
        self.zones.push(zone);
        self.hives.push(hive);
        self.floors.push(floor);
    }
}

fn site() -> Site {
    Site {
        id: ID::from("site_campus"),
        name: "Sample Campus".to_owned(),
        timezone: TIMEZONE.to_owned(),
        org_id: ORGANIZATION.to_owned(),
        number: 1,
        custom_id: Some("CAMPUS".to_owned()),
    }
}

fn building(id: &str, name: &str, number: i32) -> Building {
    Building {
        id: ID::from(format!("building_{id}")),
        name: name.to_owned(),
        site_id: ID::from("site_campus"),
        building_number: number,
        custom_id: None,
        capacity: capacity(200),
        address: Address {
            lines: vec![format!("{number} Sample Street"), "Boston, MA".to_owned()],
            country: "US".to_owned(),
        },
    }
}

fn floor(building: &str, number: i32, place: &str) -> Floor {
    Floor {
        id: ID::from(format!("space_{place}")),
        name: format!("Floor {number}"),
        building_id: ID::from(format!("building_{building}")),
        number,
        timezone: TIMEZONE.to_owned(),
        installation_date: INSTALLED,
        installation_status: "INSTALLED".to_owned(),
        service_status: "ACTIVE".to_owned(),
        capacity: capacity(100),
        area: area(850.0),
        metadata: metadata(),
        custom_id: Some(format!("F{number}")),
        tag_ids: Vec::new(),
    }
}

fn room(place: &str, name: &str, kind: &str, seats: i32, label: &str, floor: &ID) -> Room {
    Room {
        id: ID::from(format!("room_{place}")),
        name: name.to_owned(),
        floor_id: floor.clone(),
        kind: kind.to_owned(),
        capacity: capacity(seats),
        area: area(f64::from(seats) * 2.5),
        coordinates: rectangle(),
        rotation: 0.0,
        metadata: metadata(),
        custom_id: None,
        note: None,
        tag_ids: vec![ID::from(format!("tag_{label}"))],
    }
}

fn zone(place: &str, floor: &ID) -> Zone {
    Zone {
        id: ID::from(format!("zone_{place}")),
        name: "Open Space".to_owned(),
        floor_id: floor.clone(),
        room_id: None,
        capacity: capacity(20),
        area: area(60.0),
        coordinates: rectangle(),
        rotation: 0.0,
        metadata: metadata(),
        custom_id: None,
        note: None,
        tag_ids: vec![ID::from("tag_focus")],
    }
}

fn hive(place: &str, floor: &ID) -> Hive {
    Hive {
        id: ID::from(format!("hive_{place}")),
        name: format!("Hive {place}"),
        serial_number: format!("HIVE-{}", place.to_ascii_uppercase()),
        floor_id: floor.clone(),
        room_id: None,
        coordinates: vec![1.0, 1.0],
        is_online: true,
        is_streaming: true,
        version: "2.4.0".to_owned(),
        kind: "indoor".to_owned(),
        metadata: metadata(),
        note: None,
        last_heartbeat: INSTALLED,
        net_path_stability: 0.99,
        installed: true,
    }
}

fn sensor(place: &str, mode: &str, hive: &Hive, room: Option<ID>, zone: Option<ID>) -> Sensor {
    let battery = mode == "presence";
    let date = |text: &str| battery.then(|| text.to_owned());
    // Six octets that differ from sensor to sensor and start like no real maker's.
    let sum = place.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let [a, b, c, d] = sum.to_be_bytes();
    Sensor {
        id: ID::from(format!("sensor_{place}")),
        name: format!("Sensor {place}"),
        mac_address: format!("02-00-{a:02x}-{b:02x}-{c:02x}-{d:02x}"),
        mode: mode.to_owned(),
        model: "Heatic 2".to_owned(),
        floor_id: hive.floor_id.clone(),
        room_id: room,
        zone_id: zone,
        hive_id: hive.id.clone(),
        hive_serial: hive.serial_number.clone(),
        is_online: true,
        is_streaming: true,
        height: 2.7,
        center: vec![2.0, 2.0],
        orientation: vec![0.0, 0.0, 0.0],
        field_of_view: 90.0,
        door_line: 0.0,
        in_direction: 1,
        is_entrance: mode == "traffic",
        parallel_to_door: false,
        sensitivity: 0.5,
        metadata: metadata(),
        note: None,
        last_heartbeat: INSTALLED,
        last_raw_message: INSTALLED,
        last_occupancy_message: INSTALLED,
        power_type: if battery { "Battery" } else { "Wired" }.to_owned(),
        sensor_serial: format!("SN-{sum:08X}"),
        installation_status: "INSTALLED".to_owned(),
        last_battery_change_date: date("2025-01-15"),
        next_battery_change_date: date("2030-01-15"),
        battery_change_by_date: date("2030-02-15"),
    }
}

fn tag(id: &str, name: &str) -> Tag {
    Tag { id: ID::from(format!("tag_{id}")), name: name.to_owned(), organization_id: ORGANIZATION.to_owned() }
}

fn capacity(max: i32) -> Capacity {
    Capacity { max, mid: max / 2 }
}

fn area(value: f64) -> Area {
    Area { value, unit: "m2".to_owned() }
}

fn metadata() -> Metadata {
    let at = f64::from(INSTALLED) * 1000.0;
    Metadata { created_at: at, updated_at: at, deleted_at: None }
}

fn rectangle() -> Vec<Vec<f64>> {
    vec![vec![0.0, 0.0], vec![4.0, 0.0], vec![4.0, 4.0], vec![0.0, 4.0]]
}
