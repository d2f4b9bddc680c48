//! `/api/v3/graphql`: the asset API, with introspection.

use std::sync::Arc;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, ErrorExtensions as _, Guard, ID, Object, Schema, SimpleObject,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Estate;
use super::assets::{Building, Floor, Hive, Room, Sensor, Site, Tag, Zone};
use super::bearer::{Caller, Unauthorized};
use crate::Endpoint;
use crate::settings::Unauthenticated;
use crate::state::State;

pub(crate) type ApiSchema = Schema<Query, EmptyMutation, EmptySubscription>;

/// How deep a query may go. Introspection needs 13; every path of the data is shorter than this.
const DEPTH: usize = 24;

pub(crate) fn schema(estate: Arc<Estate>) -> ApiSchema {
    Schema::build(Query, EmptyMutation, EmptySubscription).data(estate).limit_depth(DEPTH).finish()
}

pub(crate) async fn answer(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    let caller = match Caller::authenticate(&state, &headers, Endpoint::GraphQl) {
        Ok(caller) => caller,
        Err(unauthorized) => return refusal(&state, unauthorized),
    };
    let Ok(request) = serde_json::from_slice::<async_graphql::Request>(&body) else {
        let error =
            json!({ "message": "the body is no GraphQL request", "extensions": { "code": "BAD_REQUEST" } });
        return (StatusCode::BAD_REQUEST, Json(json!({ "errors": [error] }))).into_response();
    };
    let response = state.schema.execute(request.data(caller).data(Arc::clone(&state))).await;
    Json(response).into_response()
}

fn refusal(state: &State, unauthorized: Unauthorized) -> Response {
    match state.settings.unauthenticated {
        Unauthenticated::Status => unauthorized.into_response(),
        Unauthenticated::GraphQlError => {
            let error = json!({ "message": "the token is missing or not good", "extensions": { "code": "UNAUTHENTICATED" } });
            Json(json!({ "data": null, "errors": [error] })).into_response()
        }
    }
}

/// Lets a field be read by tokens with this scope only.
pub(crate) struct Needs(pub(crate) &'static str);

impl Guard for Needs {
    async fn check(&self, context: &Context<'_>) -> async_graphql::Result<()> {
        let (caller, state) = (context.data::<Caller>()?, context.data::<Arc<State>>()?);
        caller.needs(state, Endpoint::GraphQl, self.0).map_err(|_| {
            async_graphql::Error::new(format!("the access token lacks the scope {}", self.0))
                .extend_with(|_, extensions| extensions.set("code", "FORBIDDEN"))
        })
    }
}

#[derive(SimpleObject)]
struct Sites {
    data: Vec<Site>,
}

#[derive(SimpleObject)]
struct Buildings {
    data: Vec<Building>,
}

#[derive(SimpleObject)]
struct Floors {
    data: Vec<Floor>,
}

#[derive(SimpleObject)]
struct Rooms {
    data: Vec<Room>,
}

#[derive(SimpleObject)]
struct Zones {
    data: Vec<Zone>,
}

#[derive(SimpleObject)]
struct Sensors {
    data: Vec<Sensor>,
}

#[derive(SimpleObject)]
struct Hives {
    data: Vec<Hive>,
}

pub(crate) struct Query;

#[Object]
impl Query {
    /// Every site.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn sites(&self, context: &Context<'_>) -> async_graphql::Result<Sites> {
        Ok(Sites { data: estate(context)?.sites.clone() })
    }

    /// One site.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn site(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<Site>> {
        Ok(estate(context)?.sites.iter().find(|site| site.id == id).cloned())
    }

    /// Every building.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn buildings(&self, context: &Context<'_>) -> async_graphql::Result<Buildings> {
        Ok(Buildings { data: estate(context)?.buildings.clone() })
    }

    /// One building, by its id or the customer's.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn building(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        #[graphql(name = "customID")] custom_id: Option<ID>,
    ) -> async_graphql::Result<Option<Building>> {
        let wanted = Wanted(id, custom_id);
        let found = estate(context)?
            .buildings
            .iter()
            .find(|building| wanted.is(&building.id, building.custom_id.as_ref()));
        Ok(found.cloned())
    }

    /// Every floor.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn floors(&self, context: &Context<'_>) -> async_graphql::Result<Floors> {
        Ok(Floors { data: estate(context)?.floors.clone() })
    }

    /// One floor, by its id or the customer's.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn floor(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        #[graphql(name = "customID")] custom_id: Option<ID>,
    ) -> async_graphql::Result<Option<Floor>> {
        let wanted = Wanted(id, custom_id);
        Ok(estate(context)?
            .floors
            .iter()
            .find(|floor| wanted.is(&floor.id, floor.custom_id.as_ref()))
            .cloned())
    }

    /// Every room.
    #[graphql(guard = "Needs(\"read:rooms\")")]
    async fn rooms(&self, context: &Context<'_>) -> async_graphql::Result<Rooms> {
        Ok(Rooms { data: estate(context)?.rooms.clone() })
    }

    /// One room, by its id or the customer's.
    #[graphql(guard = "Needs(\"read:rooms\")")]
    async fn room(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        #[graphql(name = "customID")] custom_id: Option<ID>,
    ) -> async_graphql::Result<Option<Room>> {
        let wanted = Wanted(id, custom_id);
        Ok(estate(context)?.rooms.iter().find(|room| wanted.is(&room.id, room.custom_id.as_ref())).cloned())
    }

    /// The rooms that carry all of these tags, or any of them.
    #[graphql(guard = "Needs(\"read:rooms\")")]
    async fn rooms_by_tag(
        &self,
        context: &Context<'_>,
        #[graphql(name = "tagIDs")] tag_ids: Vec<String>,
        #[graphql(name = "useOR", default)] any: Option<bool>,
    ) -> async_graphql::Result<Rooms> {
        let carries = |room: &Room, tag: &String| room.tag_ids.iter().any(|id| id.as_str() == tag);
        let fits = |room: &&Room| match any {
            Some(true) => tag_ids.iter().any(|tag| carries(room, tag)),
            _ => tag_ids.iter().all(|tag| carries(room, tag)),
        };
        Ok(Rooms { data: estate(context)?.rooms.iter().filter(fits).cloned().collect() })
    }

    /// Every zone.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn zones(&self, context: &Context<'_>) -> async_graphql::Result<Zones> {
        Ok(Zones { data: estate(context)?.zones.clone() })
    }

    /// One zone, by its id or the customer's.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn zone(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        #[graphql(name = "customID")] custom_id: Option<ID>,
    ) -> async_graphql::Result<Option<Zone>> {
        let wanted = Wanted(id, custom_id);
        Ok(estate(context)?.zones.iter().find(|zone| wanted.is(&zone.id, zone.custom_id.as_ref())).cloned())
    }

    /// The sensors with these ids, or every one.
    #[graphql(guard = "Needs(\"read:sensors\")")]
    async fn sensors(
        &self,
        context: &Context<'_>,
        ids: Option<Vec<String>>,
    ) -> async_graphql::Result<Sensors> {
        let fits =
            |sensor: &&Sensor| ids.as_ref().is_none_or(|ids| ids.iter().any(|id| sensor.id.as_str() == id));
        Ok(Sensors { data: estate(context)?.sensors.iter().filter(fits).cloned().collect() })
    }

    /// The hives with these ids or serial numbers, or every one.
    #[graphql(guard = "Needs(\"read:hives\")")]
    async fn hives(
        &self,
        context: &Context<'_>,
        ids: Option<Vec<String>>,
        #[graphql(name = "serial_numbers")] serial_numbers: Option<Vec<String>>,
    ) -> async_graphql::Result<Hives> {
        let named = |list: &Option<Vec<String>>, name: &str| {
            list.as_ref().is_some_and(|list| list.iter().any(|item| item == name))
        };
        let all = ids.is_none() && serial_numbers.is_none();
        let fits = |hive: &&Hive| {
            all || named(&ids, hive.id.as_str()) || named(&serial_numbers, &hive.serial_number)
        };
        Ok(Hives { data: estate(context)?.hives.iter().filter(fits).cloned().collect() })
    }

    /// Every tag.
    #[graphql(guard = "Needs(\"read:spaces\")")]
    async fn tags(&self, context: &Context<'_>) -> async_graphql::Result<Vec<Tag>> {
        Ok(estate(context)?.tags.clone())
    }
}

/// The two ways to name one asset.
struct Wanted(Option<ID>, Option<ID>);

impl Wanted {
    fn is(&self, id: &ID, custom_id: Option<&String>) -> bool {
        self.0.as_ref() == Some(id) || (self.1.is_some() && self.1.as_ref().map(|id| &id.0) == custom_id)
    }
}

pub(crate) fn estate<'a>(context: &Context<'a>) -> async_graphql::Result<&'a Estate> {
    context.data::<Arc<Estate>>().map(Arc::as_ref)
}
