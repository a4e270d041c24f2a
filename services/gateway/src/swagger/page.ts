/**
 * `/swagger`: Swagger UI, wholly from here. A datacenter has no internet, so nothing of it comes from elsewhere; and
 * the page may run only scripts of its own files (Content-Security-Policy), so what somebody names a pool never becomes
 * a program.
 */

const asset = (name: string) => Bun.file(Bun.resolveSync(`swagger-ui-dist/${name}`, import.meta.dir));

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nano REST API</title>
<link rel="icon" type="image/png" href="/swagger/favicon-32x32.png">
<link rel="stylesheet" href="/swagger/swagger-ui.css">
<script src="/swagger/swagger-ui-bundle.js" defer></script>
<script src="/swagger/start.js" defer></script>
</head>
<body>
<noscript>The API explorer needs JavaScript. The document itself is at <a href="/swagger/json">/swagger/json</a>.</noscript>
<div id="swagger-ui"></div>
</body>
</html>
`;

/** No validator badge: it would send the document to a public server. */
const start = `window.ui = SwaggerUIBundle({
  url: "/swagger/json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  validatorUrl: null,
});
`;

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const files: Readonly<Record<string, string>> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

const kept = { "cache-control": "public, max-age=3600" };

/** `undefined`: the path is none of these. */
export const swaggerPage = (path: string): Response | undefined => {
  if (path === "/swagger" || path === "/swagger/")
    return new Response(page, {
      headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": policy, ...kept },
    });
  if (path === "/swagger/start.js")
    return new Response(start, { headers: { "content-type": "text/javascript; charset=utf-8", ...kept } });
  const name = path.slice("/swagger/".length);
  const type = Object.hasOwn(files, name) ? files[name] : undefined;
  return type === undefined ? undefined : new Response(asset(name), { headers: { "content-type": type, ...kept } });
};
