// Prints what the official parser says about an AsyncAPI document: `node parse_asyncapi.cjs FILE`; JSON on standard output.
const fs = require('fs');
const { Parser } = require(process.env.TOOLS_MODULES + '/@asyncapi/parser');

new Parser().parse(fs.readFileSync(process.argv[2], 'utf-8')).then(({ document, diagnostics }) => {
  const found = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join('/'), severity }));
  const messages = document ? document.allMessages().all().map((message) => message.id()) : [];
  console.log(JSON.stringify({ valid: document !== undefined, diagnostics: found, messages }));
});
