/** The description of the API for programs (OpenAPI 3.1), made of the routes themselves. @module */
import type { QueryParameter } from "./query.ts";
import { type Answer, PATH_PARAMETERS, pathParametersOf, type Route } from "./route.ts";
import { shape, SHAPES } from "./schemas.ts";

/** What a request can be answered everywhere, apart from what a route says of itself. */
const COMMON_ANSWERS: Readonly<Record<number, string>> = {
  400: "The request cannot be understood; the message says what is wrong.",
  401: "Say who you are.",
  403: "A page of another origin may not do this.",
  421: "The Host field is no name of this server.",
  429: "Too many logins have failed.",
  500: "A bug of the server.",
  503: "The server is busy, or stops.",
};

/** The same for what takes a body. */
const BODY_ANSWERS: Readonly<Record<number, string>> = {
  408: "The body took too long.",
  413: "The body is too large.",
  415: "The body is of another type than JSON.",
};

function answerJson({ description, content }: Answer): unknown {
  if (content === undefined) return { description };
  return {
    description,
    content: typeof content === "string"
      ? { [content]: {} }
      : { "application/json": { schema: content } },
  };
}

/** Which of these come from the guard, which knows of no routes. */
const GUARDED: ReadonlySet<string> = new Set(["401", "403", "421", "429"]);

/** Which of these come from the login. */
const BY_LOGIN: ReadonlySet<string> = new Set(["401", "429"]);

function answersOf({ answers, body, errors: form, isOpen }: Route): Record<string, unknown> {
  const errors = { ...COMMON_ANSWERS, ...body && BODY_ANSWERS };
  const described: Record<string, unknown> = {};
  for (const [status, description] of Object.entries(errors)) {
    if (isOpen && BY_LOGIN.has(status)) continue;
    const isText = form === "text" && !GUARDED.has(status);
    const content = isText ? "text/plain" : shape("Error");
    described[status] = answerJson({ description, content });
  }
  for (const [status, answer] of Object.entries(answers)) described[status] = answerJson(answer);
  return described;
}

function parametersOf({ path, query }: Route): unknown[] {
  return [
    ...pathParametersOf(path).map((name) => ({
      name,
      in: "path",
      required: true,
      schema: PATH_PARAMETERS[name].schema,
    })),
    ...query.map(({ name, description, schema, isRequired }: QueryParameter) => ({
      name,
      in: "query",
      description,
      required: isRequired,
      schema,
    })),
  ];
}

/** Describes routes. */
export function openApi(routes: readonly Route[]): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const { method, path, summary, body, isOpen } = route;
    paths[path] ??= {};
    paths[path][method.toLowerCase()] = {
      summary,
      parameters: parametersOf(route),
      // What is open is so whoever asks.
      ...isOpen && { security: [] },
      ...body && { requestBody: { content: { "application/json": { schema: body } } } },
      responses: answersOf(route),
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "smtpd inbox",
      version: "1",
      description: "Messages of the queue: look at them, search, wait, release.",
    },
    // On loopback nothing is asked for, unless it was configured.
    security: [{}, { basic: [] }, { bearer: [] }],
    paths,
    components: {
      schemas: SHAPES,
      securitySchemes: {
        basic: { type: "http", scheme: "basic" },
        bearer: { type: "http", scheme: "bearer" },
      },
    },
  };
}
