//! The assets of Butlr's GraphQL API, with its field names: some in snake case, some in camel
//! case, a few in both, as they are there.

use async_graphql::{ComplexObject, Context, ID, SimpleObject};

use super::graphql::{Needs, estate};

/// Up to how many people a place is meant for.
#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Capacity {
    pub(crate) max: i32,
    pub(crate) mid: i32,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Area {
    pub(crate) value: f64,
    pub(crate) unit: String,
}

#[derive(Clone, Debug, SimpleObject)]
pub(crate) struct Address {
    pub(crate) lines: Vec<String>,
    pub(crate) country: String,
}

/// When a thing was made and changed, in milliseconds since 1970.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "MetaData", rename_fields = "snake_case")]
pub(crate) struct Metadata {
    pub(crate) created_at: f64,
    pub(crate) updated_at: f64,
    pub(crate) deleted_at: Option<f64>,
}

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Site {
    pub(crate) id: ID,
    pub(crate) name: String,
    pub(crate) timezone: String,
    pub(crate) org_id: String,
    #[graphql(name = "siteNumber")]
    pub(crate) number: i32,
    #[graphql(name = "customID")]
    pub(crate) custom_id: Option<String>,
}

#[ComplexObject]
impl Site {
    async fn buildings(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Building>> {
        Ok(estate(context)?
            .buildings
            .iter()
            .filter(|building| building.site_id == self.id)
            .cloned()
            .collect())
    }
}

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Building {
    pub(crate) id: ID,
    pub(crate) name: String,
    pub(crate) site_id: ID,
    pub(crate) building_number: i32,
    #[graphql(name = "customID")]
    pub(crate) custom_id: Option<String>,
    pub(crate) capacity: Capacity,
    pub(crate) address: Address,
}

#[ComplexObject(rename_fields = "snake_case")]
impl Building {
    #[graphql(name = "buildingNumber")]
    async fn legacy_number(&self) -> i32 {
        self.building_number
    }

    async fn floors(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Floor>> {
        Ok(estate(context)?.floors.iter().filter(|floor| floor.building_id == self.id).cloned().collect())
    }

    async fn site(&self, context: &Context<'_>) -> async_graphql::Result<Option<Site>> {
        Ok(estate(context)?.sites.iter().find(|site| site.id == self.site_id).cloned())
    }
}

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Floor {
    pub(crate) id: ID,
    pub(crate) name: String,
    pub(crate) building_id: ID,
    #[graphql(name = "floorNumber")]
    pub(crate) number: i32,
    pub(crate) timezone: String,
    /// In seconds since 1970.
    pub(crate) installation_date: i32,
    pub(crate) installation_status: String,
    pub(crate) service_status: String,
    pub(crate) capacity: Capacity,
    pub(crate) area: Area,
    pub(crate) metadata: Metadata,
    #[graphql(name = "customID")]
    pub(crate) custom_id: Option<String>,
    #[graphql(skip)]
    pub(crate) tag_ids: Vec<ID>,
}

#[ComplexObject(rename_fields = "snake_case")]
impl Floor {
    async fn floor_id(&self) -> &ID {
        &self.id
    }

    async fn building(&self, context: &Context<'_>) -> async_graphql::Result<Option<Building>> {
        Ok(estate(context)?.buildings.iter().find(|building| building.id == self.building_id).cloned())
    }

    #[graphql(guard = "Needs(\"read:rooms\")")]
    async fn rooms(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Room>> {
        Ok(estate(context)?.rooms.iter().filter(|room| room.floor_id == self.id).cloned().collect())
    }

    async fn zones(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Zone>> {
        Ok(estate(context)?.zones.iter().filter(|zone| zone.floor_id == self.id).cloned().collect())
    }

    #[graphql(guard = "Needs(\"read:sensors\")")]
    async fn sensors(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Sensor>> {
        Ok(estate(context)?.sensors.iter().filter(|sensor| sensor.floor_id == self.id).cloned().collect())
    }

    #[graphql(guard = "Needs(\"read:hives\")")]
    async fn hives(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Hive>> {
        Ok(estate(context)?.hives.iter().filter(|hive| hive.floor_id == self.id).cloned().collect())
    }

    async fn tags(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Tag>> {
        Ok(estate(context)?.tags_of(&self.tag_ids))
    }
}

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Room {
    pub(crate) id: ID,
    pub(crate) name: String,
    pub(crate) floor_id: ID,
    #[graphql(name = "roomType")]
    pub(crate) kind: String,
    pub(crate) capacity: Capacity,
    pub(crate) area: Area,
    pub(crate) coordinates: Vec<Vec<f64>>,
    pub(crate) rotation: f64,
    pub(crate) metadata: Metadata,
    #[graphql(name = "customID")]
    pub(crate) custom_id: Option<String>,
    pub(crate) note: Option<String>,
    #[graphql(skip)]
    pub(crate) tag_ids: Vec<ID>,
}

#[ComplexObject(rename_fields = "snake_case")]
impl Room {
    #[graphql(name = "floorID")]
    async fn legacy_floor_id(&self) -> &ID {
        &self.floor_id
    }

    async fn room_id(&self) -> &ID {
        &self.id
    }

    async fn floor(&self, context: &Context<'_>) -> async_graphql::Result<Option<Floor>> {
        Ok(estate(context)?.floor(&self.floor_id))
    }

    #[graphql(guard = "Needs(\"read:sensors\")")]
    async fn sensors(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Sensor>> {
        let here = |sensor: &&Sensor| sensor.room_id.as_ref() == Some(&self.id);
        Ok(estate(context)?.sensors.iter().filter(here).cloned().collect())
    }

    async fn tags(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Tag>> {
        Ok(estate(context)?.tags_of(&self.tag_ids))
    }
}

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Zone {
    pub(crate) id: ID,
    pub(crate) name: String,
    pub(crate) floor_id: ID,
    pub(crate) room_id: Option<ID>,
    pub(crate) capacity: Capacity,
    pub(crate) area: Area,
    pub(crate) coordinates: Vec<Vec<f64>>,
    pub(crate) rotation: f64,
    pub(crate) metadata: Metadata,
    #[graphql(name = "customID")]
    pub(crate) custom_id: Option<String>,
    pub(crate) note: Option<String>,
    #[graphql(skip)]
    pub(crate) tag_ids: Vec<ID>,
}

#[ComplexObject(rename_fields = "snake_case")]
impl Zone {
    #[graphql(name = "floorID")]
    async fn legacy_floor_id(&self) -> &ID {
        &self.floor_id
    }

    #[graphql(name = "roomID")]
    async fn legacy_room_id(&self) -> Option<&ID> {
        self.room_id.as_ref()
    }

    async fn floor(&self, context: &Context<'_>) -> async_graphql::Result<Option<Floor>> {
        Ok(estate(context)?.floor(&self.floor_id))
    }

    #[graphql(guard = "Needs(\"read:sensors\")")]
    async fn sensors(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Sensor>> {
        let here = |sensor: &&Sensor| sensor.zone_id.as_ref() == Some(&self.id);
        Ok(estate(context)?.sensors.iter().filter(here).cloned().collect())
    }

    async fn tags(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Tag>> {
        Ok(estate(context)?.tags_of(&self.tag_ids))
    }
}

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Sensor {
    pub(crate) id: ID,
    pub(crate) name: String,
    pub(crate) mac_address: String,
    /// `presence` or `traffic`.
    pub(crate) mode: String,
    pub(crate) model: String,
    pub(crate) floor_id: ID,
    pub(crate) room_id: Option<ID>,
    #[graphql(skip)]
    pub(crate) zone_id: Option<ID>,
    pub(crate) hive_id: ID,
    pub(crate) hive_serial: String,
    pub(crate) is_online: bool,
    pub(crate) is_streaming: bool,
    pub(crate) height: f64,
    pub(crate) center: Vec<f64>,
    pub(crate) orientation: Vec<f64>,
    pub(crate) field_of_view: f64,
    pub(crate) door_line: f64,
    pub(crate) in_direction: i32,
    pub(crate) is_entrance: bool,
    pub(crate) parallel_to_door: bool,
    pub(crate) sensitivity: f64,
    pub(crate) metadata: Metadata,
    pub(crate) note: Option<String>,
    /// In seconds since 1970, like the two below.
    pub(crate) last_heartbeat: i32,
    pub(crate) last_raw_message: i32,
    pub(crate) last_occupancy_message: i32,
    /// `Wired` or `Battery`.
    pub(crate) power_type: String,
    pub(crate) sensor_serial: String,
    pub(crate) installation_status: String,
    pub(crate) last_battery_change_date: Option<String>,
    pub(crate) next_battery_change_date: Option<String>,
    pub(crate) battery_change_by_date: Option<String>,
}

#[ComplexObject(rename_fields = "snake_case")]
impl Sensor {
    async fn sensor_id(&self) -> &ID {
        &self.id
    }

    #[graphql(name = "floorID")]
    async fn legacy_floor_id(&self) -> &ID {
        &self.floor_id
    }

    #[graphql(name = "roomID")]
    async fn legacy_room_id(&self) -> Option<&ID> {
        self.room_id.as_ref()
    }

    #[graphql(name = "hiveID")]
    async fn legacy_hive_id(&self) -> &ID {
        &self.hive_id
    }
}

#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Hive {
    pub(crate) id: ID,
    pub(crate) name: String,
    #[graphql(name = "serialNumber")]
    pub(crate) serial_number: String,
    pub(crate) floor_id: ID,
    pub(crate) room_id: Option<ID>,
    pub(crate) coordinates: Vec<f64>,
    pub(crate) is_online: bool,
    pub(crate) is_streaming: bool,
    #[graphql(name = "hiveVersion")]
    pub(crate) version: String,
    #[graphql(name = "hiveType")]
    pub(crate) kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) note: Option<String>,
    /// In seconds since 1970.
    pub(crate) last_heartbeat: i32,
    pub(crate) net_path_stability: f64,
    pub(crate) installed: bool,
}

#[ComplexObject]
impl Hive {
    #[graphql(name = "floorID")]
    async fn legacy_floor_id(&self) -> &ID {
        &self.floor_id
    }

    #[graphql(name = "roomID")]
    async fn legacy_room_id(&self) -> Option<&ID> {
        self.room_id.as_ref()
    }

    #[graphql(name = "isOnline")]
    async fn legacy_is_online(&self) -> bool {
        self.is_online
    }

    #[graphql(name = "isStreaming")]
    async fn legacy_is_streaming(&self) -> bool {
        self.is_streaming
    }

    #[graphql(name = "lastHeartbeat")]
    async fn legacy_last_heartbeat(&self) -> i32 {
        self.last_heartbeat
    }

    #[graphql(name = "netPathStability")]
    async fn legacy_net_path_stability(&self) -> f64 {
        self.net_path_stability
    }

    #[graphql(guard = "Needs(\"read:sensors\")")]
    async fn sensors(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Sensor>> {
        Ok(estate(context)?.sensors.iter().filter(|sensor| sensor.hive_id == self.id).cloned().collect())
    }
}

/// A label of the organization, on any of its floors, rooms and zones.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(complex, rename_fields = "snake_case")]
pub(crate) struct Tag {
    pub(crate) id: ID,
    pub(crate) name: String,
    pub(crate) organization_id: String,
}

#[ComplexObject]
impl Tag {
    async fn floors(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Floor>> {
        Ok(estate(context)?.floors.iter().filter(|floor| floor.tag_ids.contains(&self.id)).cloned().collect())
    }

    #[graphql(guard = "Needs(\"read:rooms\")")]
    async fn rooms(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Room>> {
        Ok(estate(context)?.rooms.iter().filter(|room| room.tag_ids.contains(&self.id)).cloned().collect())
    }

    async fn zones(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Zone>> {
        Ok(estate(context)?.zones.iter().filter(|zone| zone.tag_ids.contains(&self.id)).cloned().collect())
    }
}
