<?php
// What the pages include. No route leads here.
return ['secret' => 'not for the web'];
