// A SCIM server on loopback: the protocol is SCIMMY's, only the shelves are ours.
//
// Arguments: bearer token; resources on a page at most (0 for SCIMMY's own rule); `filters` or `no-filters`. SCIMMY leaves
// it to the shelves whether a filter is applied, so that forgetting it is a server that ignores filters without a word.
// Prints one line when it is ready: `listening`, then JSON with the address.

import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [token, most = "0", filters = "filters"] = process.argv.slice(2);
const shelves = { User: new Map(), Group: new Map() };

function fail(status, type, message) {
    throw new SCIMMY.Types.Error(status, type, message);
}

function shelf(kind, shown = (thing) => thing) {
    const things = shelves[kind];
    const known = (id) => things.get(id) ?? fail(404, null, `Resource ${id} not found`);
    const taken = (id, name) =>
        [...things.values()].some((it) => it.id !== id && it.userName.toLowerCase() === name.toLowerCase());
    return {
        // The whole shelf is handed over: SCIMMY sorts it and cuts the page out of it.
        egress: ({ id, filter }) => {
            if (id) return shown(known(id));
            const all = [...things.values()].map(shown);
            return filter && filters === "filters" ? filter.match(all) : all;
        },
        ingress: ({ id }, data) => {
            const old = id ? known(id) : { id: randomUUID(), meta: { created: new Date() } };
            if (kind === "User" && taken(old.id, data.userName)) fail(409, "uniqueness", "userName is taken");
            // A plain copy without what is read-only: SCIMMY's own objects refuse to be read in again.
            const { id: _id, meta: _meta, groups: _groups, ...rest } = JSON.parse(JSON.stringify(data));
            const now = { ...rest, id: old.id, meta: { created: old.meta.created, lastModified: new Date() } };
            things.set(old.id, now);
            return shown(now);
        },
        degress: ({ id }) => {
            known(id);
            things.delete(id);
        },
    };
}

// Which groups a user is in is read-only (RFC 7643, 4.1.2) and follows from the members of the groups.
function withGroups(user) {
    const groups = [...shelves.Group.values()]
        .filter((group) => group.members?.some((member) => member.value === user.id))
        .map((group) => ({ value: group.id, display: group.displayName, type: "direct" }));
    return { ...user, groups };
}

SCIMMY.Resources.declare(
    SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false),
    shelf("User", withGroups),
);
SCIMMY.Resources.declare(SCIMMY.Resources.Group, shelf("Group"));

const app = express();
app.use(["/scim/v2/Users", "/scim/v2/Groups"], (request, response, next) => {
    const limit = Number(most);
    if (limit > 0 && Number(request.query.count ?? limit) >= limit) request.query.count = String(limit);
    next();
});
app.use("/scim/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("not allowed");
        return "reader";
    },
}));

const server = app.listen(0, "127.0.0.1", () => {
    const origin = `http://127.0.0.1:${server.address().port}/scim/v2`;
    console.log(`listening ${JSON.stringify({ origin })}`);
});
