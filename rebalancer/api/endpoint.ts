import type { HttpBindings } from "@hono/node-server";
import type { z } from "@hono/zod-openapi";
import type { Context as HonoContext } from "hono";
import type { JsonText } from "./answers.ts";
import type { ApiContext } from "./context.ts";

type Shape = z.ZodObject;
type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;
export type Http = HonoContext<{ Bindings: HttpBindings }>;

interface EndpointBase<Params, Query, Body> {
  readonly method: "get" | "post" | "delete";
  /** In the way of OpenAPI: "/v1/vaults/{vault}". */
  readonly path: string;
  readonly tag: string;
  /** One line for the specification. */
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** True: needs the token. */
  readonly token?: boolean;
}

export interface EndpointInput<Params, Query, Body> {
  readonly params: Parsed<Params>;
  readonly query: Parsed<Query>;
  readonly body: Parsed<Body>;
}

/** A route that answers in JSON. */
export interface JsonEndpoint<Params, Query, Body, Result extends z.ZodType> extends EndpointBase<Params, Query, Body> {
  readonly answer: Result;
  /** Names what the answer was built from: as long as it stays the same, the answer is not built again. */
  readonly version?: (context: ApiContext, input: EndpointInput<Params, Query, Body>) => string | Promise<string>;
  readonly serve: (
    context: ApiContext,
    input: EndpointInput<Params, Query, Body>,
  ) => z.input<Result> | JsonText | Promise<z.input<Result> | JsonText>;
}

/** A route that answers in another form, by itself. */
export interface RawEndpoint<Params, Query, Body> extends EndpointBase<Params, Query, Body> {
  readonly mediaType: string;
  readonly respond: (
    context: ApiContext,
    input: EndpointInput<Params, Query, Body>,
    http: Http,
  ) => Response | Promise<Response>;
}

/** Any route, its types forgotten: what app.ts and openapi.ts loop over. */
export type Endpoint =
  | JsonEndpoint<Shape | undefined, Shape | undefined, z.ZodType | undefined, z.ZodType>
  | RawEndpoint<Shape | undefined, Shape | undefined, z.ZodType | undefined>;

/** Declares a route that answers in JSON. */
export function defineEndpoint<
  Result extends z.ZodType,
  Params extends Shape | undefined = undefined,
  Query extends Shape | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(endpoint: JsonEndpoint<Params, Query, Body, Result>): Endpoint {
  return endpoint as unknown as Endpoint;
}

/** Declares a route that answers by itself. */
export function defineRawEndpoint<
  Params extends Shape | undefined = undefined,
  Query extends Shape | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(endpoint: RawEndpoint<Params, Query, Body>): Endpoint {
  return endpoint as unknown as Endpoint;
}
