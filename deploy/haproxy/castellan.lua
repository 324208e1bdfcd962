-- Asks Castellan's forward-auth door about each request:
--   http-request lua.castellan "http://127.0.0.1:9192/authz/forward-auth?workload=shop/cart&port=8080"
-- A denial ends the request with Castellan's own answer. An allow sets txn.castellan_allowed; the configuration must deny
-- what does not have it, since HAProxy goes on after an error in Lua.

local timeout_ms = 1000

-- Ours: what a client sent under these names never goes on.
local own = {
  "x-castellan-decision-id",
  "x-castellan-source-principal",
  "x-castellan-request-principal",
  "x-castellan-shadow",
  "x-castellan-remove",
}

-- Of the connection to us, or written here.
local not_forwarded = {
  ["connection"] = true,
  ["content-length"] = true,
  ["expect"] = true,
  ["host"] = true,
  ["keep-alive"] = true,
  ["proxy-connection"] = true,
  ["te"] = true,
  ["trailer"] = true,
  ["transfer-encoding"] = true,
  ["upgrade"] = true,
  ["x-castellan-proxy-token"] = true,
  ["x-forwarded-for"] = true,
  ["x-forwarded-host"] = true,
  ["x-forwarded-method"] = true,
  ["x-forwarded-proto"] = true,
  ["x-forwarded-tls-client-cert"] = true,
  ["x-forwarded-uri"] = true,
  ["x-ssl-client-cert"] = true,
}

local function lines_of(values)
  local lines = {}
  local i = 0
  while values[i] ~= nil do
    lines[#lines + 1] = values[i]
    i = i + 1
  end
  return lines
end

-- The client's certificate as percent-encoded PEM, where the connection had one.
local function certificate_of(txn)
  local der = txn.f:ssl_c_der()
  if der == nil or der == "" then
    return nil
  end
  local body = txn.c:base64(der):gsub(("."):rep(64), "%0%%0A")
  return "-----BEGIN%20CERTIFICATE-----%0A" .. body .. "%0A-----END%20CERTIFICATE-----%0A"
end

local function question_of(txn)
  local headers = {}
  local host = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if name == "host" then
      host = lines_of(values)
    elseif not not_forwarded[name] then
      headers[name] = lines_of(values)
    end
  end
  headers["x-forwarded-method"] = { txn.f:method() }
  headers["x-forwarded-uri"] = { txn.f:pathq() }
  headers["x-forwarded-host"] = host
  headers["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" }
  headers["x-forwarded-for"] = { tostring(txn.f:src()) }
  local certificate = certificate_of(txn)
  if certificate ~= nil then
    headers["x-ssl-client-cert"] = { certificate }
  end
  return headers
end

local function first(response, name)
  local values = response.headers and response.headers[name]
  if values == nil or values[0] == nil or values[0] == "" then
    return nil
  end
  return values[0]
end

local function relay(txn, response)
  local reply = txn:reply({ status = response.status, body = response.body or "" })
  for _, name in ipairs({ "x-castellan-decision-id", "content-type", "www-authenticate", "location", "retry-after" }) do
    local value = first(response, name)
    if value ~= nil then
      reply:add_header(name, value)
    end
  end
  txn:done(reply)
end

core.register_action("castellan", { "http-req" }, function(txn, url)
  for _, name in ipairs(own) do
    txn.http:req_del_header(name)
  end
  local response = core.httpclient():get({ url = url, headers = question_of(txn), timeout = timeout_ms })
  local status = response and response.status or 0
  if status == 200 then
    for _, name in ipairs(own) do
      local value = first(response, name)
      if value ~= nil then
        txn.http:req_set_header(name, value)
      end
    end
    -- A token that a policy says goes no further.
    for name in (first(response, "x-castellan-remove") or ""):gmatch("[^,%s]+") do
      txn.http:req_del_header(name)
    end
    txn:set_var("txn.castellan_decision_id", first(response, "x-castellan-decision-id") or "")
    txn:set_var("txn.castellan_allowed", true)
  elseif status >= 300 and status < 600 and first(response, "x-castellan-decision-id") ~= nil then
    relay(txn, response)
  end
end, 1)
